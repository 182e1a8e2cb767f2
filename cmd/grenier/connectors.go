package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/harvest/connectors"
)

type connectorsCommand struct {
	List connectorsListCommand `cmd:"" default:"1" help:"Liste les connecteurs."`
	Show connectorsShowCommand `cmd:"" help:"Montre les options d’un connecteur."`
	Test connectorsTestCommand `cmd:"" help:"Essaie de joindre une source, sans rien publier."`
}

type connectorsListCommand struct {
	JSON bool `name:"json" help:"Pour un programme."`
}

// Run lists the connectors.
func (c *connectorsListCommand) Run(t *terminal) error {
	if c.JSON {
		return printJSON(t.out, kindsJSON(connectors.All))
	}
	for _, k := range connectors.All {
		fmt.Fprintln(t.out, pad(k.Name, 12), k.Title)
	}
	return nil
}

type kindTwin struct {
	Name    string           `json:"name"`
	Title   string           `json:"title"`
	Options []harvest.Option `json:"options"`
}

func kindsJSON(cs harvest.Connectors) (list []kindTwin) {
	for _, k := range cs {
		list = append(list, kindTwin{k.Name, k.Title, k.Options})
	}
	return list
}

type connectorsShowCommand struct {
	Name string `arg:"" name:"connecteur"`
}

// Run prints a connector's options with their help: they are its documentation.
func (c *connectorsShowCommand) Run(t *terminal) error {
	k, ok := connectors.All.Named(c.Name)
	if !ok {
		return usage("Connecteur inconnu « %s ». « grenier connectors list » montre ceux qui existent.", c.Name)
	}
	fmt.Fprintf(t.out, "%s : %s\n\n", t.paint(1, k.Name), k.Title)
	for _, o := range k.Options {
		note := o.Type
		if o.Required {
			note += ", obligatoire"
		}
		if o.Secret {
			note += ", par référence (env:NOM ou file:CHEMIN)"
		}
		fmt.Fprintf(t.out, "%s (%s)\n%s\n", o.Name, note, wrap(o.Help, "    ", t.screen()))
	}
	return nil
}

type connectorsTestCommand struct {
	Source string `arg:"" name:"source" help:"Identifiant, par exemple 213900137/deliberations."`
}

// Run fetches a source once and says what came, or in French what went wrong.
func (c *connectorsTestCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	s, err := p.store.Source(ctx, c.Source)
	if errors.Is(err, catalog.ErrNotFound) {
		return usage("La source « %s » n’existe pas.", c.Source)
	}
	if err != nil {
		return err
	}
	n := 0
	err = p.runner().Try(ctx, s, func(d harvest.Document) error {
		n++
		size, err := io.Copy(io.Discard, d.Body)
		if err == nil {
			fmt.Fprintf(t.out, "%s %s : reçu, %s o (%s)\n", t.paint(32, "✓"), d.Name, number(size), d.MediaType)
		}
		return err
	})
	if err != nil {
		return exitError{exitBad, t.paint(31, "✗") + " " + trial(err) + "\n  Pour l’opérateur : " + err.Error()}
	}
	fmt.Fprintf(t.out, "La source répond : %s.\n", plural(n, "fichier", "fichiers"))
	return nil
}

// trial is the sentence of an error, without what it says of the version online: a trial publishes nothing.
func trial(err error) string {
	return strings.Replace(harvest.SentenceOf(err), " La dernière version reste en ligne.", "", 1)
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/publish"
)

type releaseCommand struct {
	Reason string `required:"" placeholder:"RAISON" help:"Pourquoi elle est publiée ; gardé pour toujours."`
	decisionFlags
}

// decisionFlags are those of whoever decides of a delivery.
type decisionFlags struct {
	Source string `arg:"" placeholder:"ID" help:"Source dont une livraison est retenue."`
	By     string `placeholder:"NOM" help:"Qui décide (l’utilisateur de la machine par défaut)."`
}

// Run publishes what is held from the bytes that were kept: what a person looked at, not what the source may have become since.
func (c *releaseCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, held, err := t.openHeld(ctx, cmd, c.Source)
	if err != nil {
		return err
	}
	defer p.close()
	run, err := p.runner().Release(ctx, held, person(c.By), c.Reason)
	if errors.Is(err, catalog.ErrBusy) {
		return exitError{exitBad, "Cette source est en cours de moissonnage : réessayez dans un instant."}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, t.describe("", run))
	if err := p.catchUp(ctx); err != nil {
		fmt.Fprintln(t.err, "La recherche n’est pas à jour (« grenier reindex » la refait) :", err)
	}
	if run.Status != catalog.Published && run.Status != catalog.Unchanged {
		return exitError{code: exitBad}
	}
	return nil
}

type refuseCommand struct {
	Reason string `required:"" placeholder:"RAISON" help:"Pourquoi elle ne sera pas publiée ; gardé pour toujours."`
	decisionFlags
}

// Run refuses what is held: the last good version stays, and the same bytes are not held again.
func (c *refuseCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, held, err := t.openHeld(ctx, cmd, c.Source)
	if err != nil {
		return err
	}
	defer p.close()
	err = p.store.Decide(ctx, catalog.Decision{Kind: catalog.Refused, By: person(c.By), Reason: c.Reason, Source: c.Source, Run: held.ID})
	if errors.Is(err, catalog.ErrDecided) {
		return exitError{exitBad, "Quelqu’un d’autre vient de décider de cette livraison, ou la source en a livré une autre."}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, wrap("Livraison refusée. La dernière bonne version reste en ligne ; la même livraison ne sera plus retenue, une autre sera jugée à neuf.", "", t.screen()))
	if err := p.catchUp(ctx); err != nil {
		fmt.Fprintln(t.err, "La recherche n’est pas à jour (« grenier reindex » la refait) :", err)
	}
	return nil
}

// openHeld opens the program and finds what waits of a source.
func (t *terminal) openHeld(ctx context.Context, cmd *commands, source string) (*program, catalog.Run, error) {
	p, err := t.open(ctx, cmd)
	if err != nil {
		return nil, catalog.Run{}, err
	}
	held, err := harvest.Held(ctx, p.store, source)
	if errors.Is(err, catalog.ErrNotFound) {
		err = usage("Aucune livraison de « %s » n’attend. « grenier held » montre celles qui attendent.", source)
	}
	if err != nil {
		p.close()
		return nil, held, err
	}
	return p, held, nil
}

// person is who decides: the name given, or the user of the machine, the one behind sudo first.
func person(given string) string {
	name := cmp.Or(given, os.Getenv("SUDO_USER"))
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	return cmp.Or(name, "inconnu")
}

type heldCommand struct {
	Source    string `arg:"" optional:"" placeholder:"ID" help:"Une source : ce que publier sa livraison changerait."`
	Decisions bool   `help:"Ce qui a été décidé, du plus récent au plus ancien."`
	JSON      bool   `name:"json" help:"Pour un programme : du JSON."`
}

// Run lists what waits, or looks at one delivery.
func (c *heldCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	if c.Source != "" && !c.Decisions {
		return c.preview(ctx, t, cmd)
	}
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	if c.Decisions {
		return c.decided(ctx, t, p)
	}
	runs, err := p.store.Runs(ctx, catalog.RunQuery{Waiting: true, Limit: 10_000})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, runsJSON(runs))
	}
	if len(runs) == 0 {
		fmt.Fprintln(t.out, "Aucune livraison n’attend.")
	}
	for _, r := range runs {
		since, err := p.since(ctx, r)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s, retenue depuis le %s\n%s\n", r.Source, since.In(p.location).Format("02/01/2006 15:04"), wrap(r.Message, "    ", t.screen()))
		t.orders(r.Source, true)
	}
	return nil
}

// orders are the commands to type.
func (t *terminal) orders(source string, look bool) {
	if look {
		fmt.Fprintf(t.out, "    grenier held %s\n", source)
	}
	fmt.Fprintf(t.out, "    grenier release %s --reason \"…\"\n    grenier refuse %s --reason \"…\"\n", source, source)
}

// since is when the source first delivered what is held now.
func (p *program) since(ctx context.Context, held catalog.Run) (time.Time, error) {
	runs, err := p.store.Runs(ctx, catalog.RunQuery{Source: held.Source, Limit: 1000})
	first := held.Started
	for _, r := range runs {
		switch r.Status {
		case catalog.Failed, catalog.Running:
		case catalog.Held:
			first = r.Started
		default:
			return first, err
		}
	}
	return first, err
}

func (c *heldCommand) decided(ctx context.Context, t *terminal, p *program) error {
	list, err := p.store.Decisions(ctx, catalog.DecisionQuery{Source: c.Source, Limit: 1000})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(t.out, append([]catalog.Decision{}, list...))
	}
	for _, d := range list {
		word := map[catalog.DecisionKind]string{catalog.Released: "publiée", catalog.Refused: "refusée"}[d.Kind]
		fmt.Fprintf(t.out, "%s %s %s par %s : %s\n", d.Time.In(p.location).Format("02/01/2006 15:04:05"), d.Source, word, d.By, d.Reason)
	}
	if len(list) == 0 {
		fmt.Fprintln(t.out, "Rien n’a encore été décidé.")
	}
	return nil
}

// previewTwin is what a delivery would change, for programs. Rows are null where they cannot be told apart.
type previewTwin struct {
	Run      runTwin `json:"run"`
	Rows     int64   `json:"rows"`
	Rejected int64   `json:"rejected"`
	Added    *int64  `json:"added"`
	Removed  *int64  `json:"removed"`
	Changed  *int64  `json:"changed"`
}

// preview says what publishing the held delivery would change.
func (c *heldCommand) preview(ctx context.Context, t *terminal, cmd *commands) error {
	p, held, err := t.openHeld(ctx, cmd, c.Source)
	if err != nil {
		return err
	}
	defer p.close()
	made, diff, err := p.runner().Preview(ctx, held)
	if err != nil {
		return err
	}
	if c.JSON {
		twin := previewTwin{Run: runJSON(held), Rows: made.Run.Accepted, Rejected: made.Run.Rejected}
		if diff != nil {
			twin.Added, twin.Removed, twin.Changed = &diff.Added, &diff.Removed, &diff.Changed
		}
		return printJSON(t.out, twin)
	}
	fmt.Fprintln(t.out, wrap(held.Message, "", t.screen()))
	fmt.Fprintf(t.out, "%s, %s.\n", plural(made.Run.Accepted, "ligne conforme", "lignes conformes"), plural(made.Run.Rejected, "écartée", "écartées"))
	t.difference(diff)
	if made.Changed {
		fmt.Fprintln(t.out, "La recette, le schéma ou les règles ont changé depuis la retenue : ceci est jugé comme aujourd’hui.")
	}
	if held.Rejected > 0 {
		fmt.Fprintf(t.out, "Les défauts : grenier runs --source %s --report\n", c.Source)
	}
	t.orders(c.Source, false)
	return nil
}

func (t *terminal) difference(d *publish.Difference) {
	switch {
	case d == nil:
		fmt.Fprintln(t.out, "Rien en ligne à quoi comparer ligne par ligne.")
	case d.By == nil:
		fmt.Fprintf(t.out, "Par rapport à ce qui est en ligne : %s, %s (sans identifiant, une ligne modifiée compte deux fois).\n",
			plural(d.Added, "ligne nouvelle", "lignes nouvelles"), plural(d.Removed, "perdue", "perdues"))
	default:
		fmt.Fprintf(t.out, "Par rapport à ce qui est en ligne : %s, %s, %s.\n",
			plural(d.Added, "ligne nouvelle", "lignes nouvelles"), plural(d.Removed, "perdue", "perdues"), plural(d.Changed, "modifiée", "modifiées"))
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"grenier/catalog"
	"grenier/cmd/grenier/demo"
	"grenier/harvest"
)

type demoCommand struct {
	Addr    string `default:"127.0.0.1:8080" placeholder:"ADRESSE" help:"Où le portail écoute."`
	Dir     string `type:"path" placeholder:"DOSSIER" help:"Où tout est gardé (grenier-demo par défaut)."`
	Members int    `default:"24" help:"Nombre de collectivités, de 2 à 500."`
	Once    bool   `help:"Termine après le moissonnage, sans servir le portail."`
}

// Run lays out the fictitious département, starts its emulated software on loopback, harvests it twice (the second time, some files
// have changed) and serves the portal.
func (d *demoCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	if d.Members < 2 || d.Members > 500 {
		return usage("--members va de 2 à 500.")
	}
	town := demo.NewTown(d.Members)
	address, stop, err := startSoftware(town)
	if err != nil {
		return err
	}
	defer stop()
	c := d.config(cmd, address)
	p, err := t.assemble(ctx, c)
	if err != nil {
		return err
	}
	defer p.close()
	if err := os.WriteFile(p.config.Site.Logo, []byte(demo.OperatorMark), 0o644); err != nil {
		return fmt.Errorf("le logo de la démonstration ne peut pas être écrit : %w", err)
	}
	fmt.Fprintf(t.out, "Département fictif du %s : %d collectivités, données inventées.\n", demo.Name, d.Members)
	if err := d.harvest(ctx, t, p, town, address); err != nil {
		return err
	}
	if d.Once {
		fmt.Fprintf(t.out, "Tout est dans %s. « grenier --data %s runs » dit ce qui s’est passé.\n", c.Data, c.Data)
		return nil
	}
	err = t.serve(ctx, p, []string{"web"}, func(addr string) {
		fmt.Fprintf(t.out, "\nLe portail répond : %s\nCtrl-C pour arrêter.\n", t.paint(1, "http://"+addr))
	})
	if err == nil {
		fmt.Fprintln(t.out, "Arrêté. Relancez « grenier demo » quand vous voulez : rien n’est à refaire.")
	}
	return err
}

func (d *demoCommand) config(cmd *commands, address string) Config {
	c := Default()
	c.Data, c.Addr = d.Dir, d.Addr
	if c.Data == "" {
		c.Data = cmd.Data
	}
	if c.Data == "" {
		c.Data = "grenier-demo"
	}
	c.Site = SiteConfig{Name: "Données ouvertes du " + demo.Name, Operator: demo.Operator.Name, SIREN: demo.Operator.SIREN, Email: demo.Operator.Email, Demo: true,
		Logo: filepath.Join(c.Data, "logo.svg"), Colours: demo.OperatorColours}
	c.Harvest.Allow = []string{address}
	c.Harvest.Hosts = map[string]HostRule{address: {Parallel: 8, Every: -1}}
	c.complete()
	return c
}

// harvest applies the demonstration's files and harvests twice; a folder that was harvested before only looks for changes.
func (d *demoCommand) harvest(ctx context.Context, t *terminal, p *program, town *demo.Town, address string) error {
	folder, err := filepath.Abs(p.config.Harvest.Folders[0])
	if err != nil {
		return err
	}
	files := []harvest.NamedFile{{Name: "recettes.yaml", Text: demo.Recipes}, {Name: "membres.yaml", Text: demo.Manifest(d.Members, "http://"+address, folder), Open: demo.Logo}}
	changes, err := p.apply(ctx, files, catalog.ApplyOptions{})
	if err != nil {
		return err
	}
	sources, err := p.store.Sources(ctx, catalog.SourceQuery{})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s ; %s.\n", plural(len(changes), "changement au catalogue", "changements au catalogue"), plural(len(sources), "source", "sources"))
	again := len(sources) > 0 && sources[0].Last != nil
	if again {
		town.Advance()
	}
	for pass := range 2 {
		if pass == 1 && again {
			break
		}
		if pass == 1 {
			town.Advance()
			if sources, err = p.store.Sources(ctx, catalog.SourceQuery{}); err != nil {
				return err
			}
		}
		if err := town.Drop(folder); err != nil {
			return fmt.Errorf("les fichiers de démonstration ne peuvent pas être écrits : %w", err)
		}
		what := []string{"Premier moissonnage", "Le lendemain : quelques fichiers ont changé"}[pass]
		if again {
			what = "Tout a déjà été moissonné : rien n’est à refaire, sauf ce qui a changé"
		}
		fmt.Fprintf(t.out, "\n%s\n", t.paint(1, what))
		if _, err := t.harvestAll(ctx, p, sources, harvest.Ask{Slot: fmt.Sprintf("démonstration %d", pass+1)}, harvestOutput{quiet: true}); err != nil {
			return err
		}
	}
	return nil
}

// startSoftware starts the emulated software on loopback, on its usual port when it is free, so that a second demonstration finds the
// same addresses.
func startSoftware(town *demo.Town) (address string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:18713")
	if err != nil {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", nil, fmt.Errorf("les logiciels émulés ne peuvent pas écouter : %w", err)
	}
	s := &http.Server{Handler: town, ReadHeaderTimeout: 5 * time.Second}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "logiciels émulés :", err)
		}
	})
	return l.Addr().String(), func() { s.Close(); wg.Wait() }, nil
}

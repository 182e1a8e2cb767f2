package main

import (
	"context"
	"errors"
	"fmt"

	"grenier/catalog"
)

type reindexCommand struct{}

// Run rebuilds the search index from the catalogue.
func (reindexCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.openIndex(ctx); errors.Is(err, catalog.ErrIndexBusy) {
		return errors.New("« grenier serve » utilise l’index : arrêtez-le d’abord, ou laissez-le suivre le catalogue")
	} else if err != nil {
		return err
	}
	n, err := p.indexer().Reindex(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Index reconstruit : %s.\n", plural(n, "jeu de données", "jeux de données"))
	return nil
}

type doctorCommand struct {
	Sweep     bool   `help:"Efface aussi ce qui est oublié : vieux moissonnages, fichiers que rien ne nomme plus."`
	DryRun    bool   `help:"Avec --sweep : compte les fichiers qui seraient effacés, sans rien effacer."`
	ReadData  bool   `help:"Relit aussi chaque fichier gardé et le compare à son empreinte."`
	Sample    int    `placeholder:"N" help:"Avec --read-data : N fichiers seulement, au hasard."`
	Repair    bool   `help:"Avec --read-data : efface les fichiers abîmés et les refait en moissonnant à nouveau leur source."`
	Catalogue string `placeholder:"SIREN" help:"Répète le moissonnage de data.gouv.fr : de tous les membres, ou d’un seul."`
	URL       string `name:"url" placeholder:"ADRESSE" help:"Avec --catalogue : par le réseau, à cette adresse (d’un portail ou d’un catalogue)."`
	Accept    string `placeholder:"RAISON" help:"Avec --catalogue : laisse passer un catalogue retenu, avec la raison."`
	By        string `placeholder:"NOM" help:"Avec --accept : qui le décide ; par défaut le compte de l’utilisateur."`
	JSON      bool   `name:"json" help:"Pour un programme."`
}

// A finding is one thing that the doctor looked at.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Text  string `json:"text"`

	Damaged []damageJSON `json:"damaged,omitempty"`
}

// Run looks at every part and says what is wrong and what to do. Exit 0 when healthy.
func (c *doctorCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	if c.DryRun && !c.Sweep {
		return usage("--dry-run demande --sweep.")
	}
	if (c.Repair || c.Sample != 0) && !c.ReadData || c.Sample < 0 {
		return usage("--sample et --repair demandent --read-data.")
	}
	if err := c.checkCatalogue(); err != nil {
		return err
	}
	if c.Catalogue != "" {
		return c.catalogues(ctx, t, cmd)
	}
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	var data []finding
	if c.ReadData { // first: what it mends is well for the others
		data = append(data, c.dataFinding(ctx, t, p))
	}
	findings := p.examine(ctx)
	if c.Sweep {
		findings = append(findings, p.sweepFinding(ctx, c.DryRun))
	}
	findings = append(findings, data...)
	sick := 0
	for _, f := range findings {
		if !f.OK {
			sick++
		}
		if !c.JSON {
			mark := t.paint(32, "✓")
			if !f.OK {
				mark = t.paint(31, "✗")
			}
			fmt.Fprintln(t.out, mark, f.Text)
			for _, d := range f.Damaged {
				fmt.Fprintln(t.out, wrap(d.Text, "    ", t.screen()))
			}
		}
	}
	if c.JSON {
		if err := printJSON(t.out, findings); err != nil {
			return err
		}
	}
	if sick > 0 {
		return exitError{exitBad, plural(sick, "point à corriger", "points à corriger") + "."}
	}
	return nil
}

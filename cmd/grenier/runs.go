package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"grenier/catalog"
)

type runsCommand struct {
	Source string `placeholder:"ID" help:"D’une seule source."`
	Member string `placeholder:"SIREN" help:"D’un seul membre."`
	Status string `placeholder:"ÉTAT" enum:"published,unchanged,held,failed,running," default:"" help:"published, unchanged, held, failed ou running."`
	Limit  int    `default:"50" help:"Combien, au plus."`
	JSON   bool   `name:"json" help:"Pour un programme : un tableau JSON."`

	Report  bool `xor:"detail" help:"Avec --source : le rapport du dernier moissonnage jugé."`
	Rejects bool `xor:"detail" help:"Avec --source : les lignes écartées du dernier moissonnage jugé et leurs raisons, en CSV."`
}

// Run lists what happened, newest first.
func (r *runsCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	if r.Report || r.Rejects {
		return r.detail(ctx, t, p)
	}
	runs, err := p.store.Runs(ctx, catalog.RunQuery{Source: r.Source, Member: r.Member, Status: catalog.Status(r.Status), Limit: r.Limit})
	if err != nil {
		return err
	}
	if r.JSON {
		return printJSON(t.out, runsJSON(runs))
	}
	if len(runs) == 0 {
		fmt.Fprintln(t.out, "Aucun moissonnage pour l’instant. « grenier harvest --all » en lance un.")
	}
	for _, run := range runs {
		fmt.Fprintln(t.out, t.describe(run.Started.In(p.location).Format("02/01/2006 15:04:05 "), run))
	}
	return nil
}

// detail shows the report or the rejected rows of the source's newest run that judged something.
func (r *runsCommand) detail(ctx context.Context, t *terminal, p *program) error {
	if r.Source == "" {
		return usage("--report et --rejects demandent --source.")
	}
	runs, err := p.store.Runs(ctx, catalog.RunQuery{Source: r.Source, Limit: 100})
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run.Rows == 0 {
			continue
		}
		if run, err = p.store.Run(ctx, run.ID); err != nil {
			return err
		}
		if r.Rejects {
			return p.rejects(ctx, t, run)
		}
		if run.Report == nil {
			break
		}
		if r.JSON {
			return printJSON(t.out, run.Report)
		}
		t.report(run.Report)
		return nil
	}
	return exitError{exitBad, "Aucun moissonnage de cette source n’a encore jugé de lignes."}
}

// rejects copies the quarantine of a run to the output.
func (p *program) rejects(ctx context.Context, t *terminal, run catalog.Run) error {
	if run.Quarantine == nil {
		fmt.Fprintln(t.err, "Aucune ligne écartée : tout était conforme.")
		return nil
	}
	b, err := p.blobs.Open(ctx, run.Quarantine.Key)
	if err != nil {
		return fmt.Errorf("les lignes écartées ne sont plus gardées : %w", err)
	}
	defer b.Close()
	_, err = io.Copy(t.out, b)
	return err
}

// runTwin is a run for programs.
type runTwin struct {
	catalog.Run
	Seconds float64 `json:"seconds"`
}

func runsJSON(runs []catalog.Run) []runTwin {
	list := make([]runTwin, len(runs))
	for i, r := range runs {
		list[i] = runJSON(r)
	}
	return list
}

func runJSON(r catalog.Run) runTwin {
	r.Report = nil
	var seconds float64
	if !r.Ended.IsZero() {
		seconds = r.Ended.Sub(r.Started).Round(time.Millisecond).Seconds()
	}
	return runTwin{r, seconds}
}

func printJSONLine(w io.Writer, v any) {
	b, err := json.Marshal(v)
	if err == nil {
		fmt.Fprintf(w, "%s\n", b)
	}
}

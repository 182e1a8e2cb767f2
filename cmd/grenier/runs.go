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
}

// Run lists what happened, newest first.
func (r *runsCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	runs, err := p.store.Runs(ctx, catalog.RunQuery{Source: r.Source, Member: r.Member, Status: catalog.Status(r.Status), Limit: r.Limit})
	if err != nil {
		return err
	}
	if r.JSON {
		list := make([]runTwin, len(runs))
		for i, run := range runs {
			list[i] = runJSON(run)
		}
		return printJSON(t.out, list)
	}
	if len(runs) == 0 {
		fmt.Fprintln(t.out, "Aucune récolte pour l’instant. « grenier harvest --all » en lance une.")
	}
	for _, run := range runs {
		fmt.Fprintln(t.out, run.Started.In(p.location).Format("02/01/2006 15:04:05"), t.describe(run))
	}
	return nil
}

// runTwin is a run for programs.
type runTwin struct {
	catalog.Run
	Seconds float64 `json:"seconds"`
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

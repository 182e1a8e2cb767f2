package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"grenier/catalog"
	"grenier/harvest"
)

type harvestCommand struct {
	Source []string `name:"source" placeholder:"ID" help:"Sources à moissonner, par exemple 213900137/deliberations."`
	Member []string `name:"member" placeholder:"SIREN" help:"Toutes les sources de ces membres."`
	All    bool     `help:"Toutes les sources."`
	Force  bool     `help:"Relire et rejuger même ce qui n’a pas changé."`
	Accept string   `placeholder:"RAISON" help:"Publier malgré la retenue, avec la raison ; demande --source."`
	DryRun bool     `help:"Dire ce qui arriverait, sans rien publier ni garder."`
	Jobs   int      `short:"j" placeholder:"N" help:"Moissonnages en même temps (harvest.workers par défaut)."`
	JSON   bool     `name:"json" help:"Pour un programme : une ligne JSON par moissonnage."`
}

// Run harvests now and waits. Exit 1 when a run was held or failed.
func (h *harvestCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	if !h.All && len(h.Source) == 0 && len(h.Member) == 0 {
		return usage("Dites quoi moissonner : --all, --member SIREN ou --source ID.")
	}
	if h.Accept != "" && len(h.Source) == 0 {
		return usage("--accept demande --source : une retenue se lève source par source.")
	}
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	sources, err := p.store.Sources(ctx, catalog.SourceQuery{IDs: h.Source, Members: h.Member})
	if errors.Is(err, catalog.ErrNotFound) {
		return usage("Une de ces sources n’existe pas : %s. « grenier runs » montre celles qui ont été moissonnées.", strings.Join(h.Source, ", "))
	}
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return usage("Aucune source à moissonner : « grenier apply » en fait entrer.")
	}
	ask := harvest.Ask{Force: h.Force, Accept: h.Accept, By: person(""), DryRun: h.DryRun}
	sum, err := t.harvestAll(ctx, p, sources, ask, harvestOutput{jobs: h.Jobs, json: h.JSON})
	if err != nil {
		return err
	}
	if sum.bad() > 0 {
		return exitError{code: exitBad}
	}
	return nil
}

// harvestOutput says how a harvest is shown.
type harvestOutput struct {
	jobs  int
	json  bool
	quiet bool // no line a source
}

// A tally counts how runs ended.
type tally struct {
	by             map[catalog.Status]int
	rows, accepted int64
	rejected       int64
	bytes          int64
	busy           int
	elapsed        time.Duration
}

func (s *tally) bad() int { return s.by[catalog.Held] + s.by[catalog.Failed] }

func (s *tally) add(r catalog.Run) {
	s.by[r.Status]++
	s.rows, s.accepted, s.rejected, s.bytes = s.rows+r.Rows, s.accepted+r.Accepted, s.rejected+r.Rejected, s.bytes+r.Bytes
}

// harvestAll runs the sources with a progress bar and a line each, then brings the index up to date.
func (t *terminal) harvestAll(ctx context.Context, p *program, sources []catalog.Source, ask harvest.Ask, o harvestOutput) (*tally, error) {
	start := time.Now()
	sum := &tally{by: map[catalog.Status]int{}}
	progress := t.newBar(len(sources), "Moissonnage")
	if o.jobs == 0 {
		o.jobs = p.config.Harvest.Workers
	}
	var broken error
	err := p.runner().RunAll(ctx, sources, o.jobs, ask, func(r harvest.Result) {
		progress.add(1)
		switch {
		case errors.Is(r.Err, catalog.ErrBusy):
			sum.busy++
			progress.aside(t.out, r.Source.ID+" : déjà en cours de moissonnage ailleurs")
		case r.Err != nil:
			broken = errors.Join(broken, r.Err)
		default:
			sum.add(r.Run)
			t.runLine(progress, r.Run, o)
		}
	})
	progress.end()
	if err = errors.Join(err, broken); err != nil {
		return sum, err
	}
	if !ask.DryRun {
		if err := t.catchUpSeries(ctx, p); err != nil {
			fmt.Fprintln(t.err, sentence(err))
		}
		if err := p.catchUp(ctx); err != nil {
			fmt.Fprintln(t.err, "La recherche n’est pas à jour (« grenier reindex » la refait) :", err)
		}
		t.snapshotAfter(ctx, p)
	}
	sum.elapsed = time.Since(start)
	if !o.json {
		fmt.Fprintln(t.out, wrap(sum.String(), "", t.screen()))
		if ask.DryRun {
			fmt.Fprintln(t.out, "À blanc (--dry-run) : rien n’a été publié ni gardé.")
		}
	}
	return sum, nil
}

func (t *terminal) runLine(b bar, r catalog.Run, o harvestOutput) {
	switch {
	case o.json:
		printJSONLine(t.out, runJSON(r))
	case o.quiet && r.Status != catalog.Held && r.Status != catalog.Failed:
	default:
		b.aside(t.out, t.describe("", r))
	}
}

// statusWords are the ends of a run, in French, with their colour.
var statusWords = map[catalog.Status]struct {
	word  string
	paint int
}{
	catalog.Published: {"publié", 32}, catalog.Unchanged: {"inchangé", 0}, catalog.Held: {"retenu", 33}, catalog.Failed: {"échec", 31}, catalog.Running: {"en cours", 0},
}

// describe is the summary line of a run: source, how it ended, and why. On a screen, what does not fit beside goes below.
func (t *terminal) describe(before string, r catalog.Run) string {
	s := statusWords[r.Status]
	before += pad(r.Source, 34) + " "
	line := before + t.paint(s.paint, pad(s.word, 8))
	used, what := utf8.RuneCountInString(before)+max(8, utf8.RuneCountInString(s.word)), ""
	switch r.Status {
	case catalog.Published:
		what = plural(r.Accepted, "ligne", "lignes")
		if r.Rejected > 0 {
			what += ", " + plural(r.Rejected, "écartée", "écartées")
		}
	case catalog.Held, catalog.Failed, catalog.Unchanged:
		what = r.Message
	}
	screen := t.screen()
	switch {
	case what == "":
		return strings.TrimRight(line, " ")
	case screen == 0 || used+1+utf8.RuneCountInString(what) <= screen:
		return line + " " + what
	}
	return strings.TrimRight(line, " ") + "\n" + wrap(what, "    ", screen)
}

// String is the last line of a harvest.
func (s *tally) String() string {
	line := fmt.Sprintf("%s : %s, %s, %s, %s", plural(s.total(), "source", "sources"),
		plural(s.by[catalog.Published], "publiée", "publiées"), plural(s.by[catalog.Unchanged], "inchangée", "inchangées"),
		plural(s.by[catalog.Held], "retenue", "retenues"), plural(s.by[catalog.Failed], "en échec", "en échec"))
	if s.rows > 0 {
		line += fmt.Sprintf(" ; %s, %s", plural(s.rows, "ligne lue", "lignes lues"), plural(s.rejected, "écartée", "écartées"))
	}
	return line + fmt.Sprintf(" ; %.1f s.", s.elapsed.Seconds())
}

func (s *tally) total() (n int) {
	for _, k := range s.by {
		n += k
	}
	return n
}

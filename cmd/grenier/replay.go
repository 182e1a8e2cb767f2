package main

import (
	"context"
	"errors"
	"fmt"

	"grenier/catalog"
	"grenier/harvest"
)

type replayCommand struct {
	Moissonnage string `arg:"" name:"moissonnage" help:"Identifiant du moissonnage (« grenier runs --json » les donne)."`
	JSON        bool   `name:"json" help:"Pour un programme : du JSON."`
}

// A replayedFile is one file, published and made again.
type replayedFile struct {
	Format    string `json:"format"`
	Published string `json:"published"` // SHA-256, "" for a format that was not
	Replayed  string `json:"replayed"`
	Same      bool   `json:"same"`
}

// Run makes the files of a run again and compares. Exit 0 when all are the same, 1 when one is not, 2 when there is nothing to compare.
func (c *replayCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	run, err := p.store.Run(ctx, c.Moissonnage)
	if errors.Is(err, catalog.ErrNotFound) {
		return usage("Le moissonnage « %s » n’est pas connu. « grenier runs --json » donne les identifiants.", c.Moissonnage)
	}
	if err != nil {
		return err
	}
	version, err := p.versionOf(ctx, run)
	if err != nil {
		return err
	}
	made, err := p.runner().Replay(ctx, run)
	if errors.Is(err, harvest.ErrNotKept) {
		return usage("%s", sentence(err))
	}
	if err != nil {
		return err
	}
	files, same := compareFiles(version.Files, made.Dataset.Files)
	if c.JSON {
		err = printJSON(t.out, struct {
			Run     string         `json:"run"`
			Version int            `json:"version"`
			Same    bool           `json:"same"`
			Changed bool           `json:"process_changed"`
			Files   []replayedFile `json:"files"`
		}{run.ID, run.Version, same, made.Changed, files})
	} else {
		t.replayed(files, same, made.Changed)
	}
	if err == nil && !same {
		err = exitError{code: exitBad}
	}
	return err
}

// versionOf is what the run published, as long as it is kept.
func (p *program) versionOf(ctx context.Context, run catalog.Run) (catalog.Version, error) {
	if run.Version == 0 {
		return catalog.Version{}, usage("Ce moissonnage n’a rien publié : il n’y a rien à comparer. Choisissez-en un qui a publié (« grenier runs --status published --json »).")
	}
	versions, err := p.store.Versions(ctx, run.Dataset)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return catalog.Version{}, err
	}
	for _, v := range versions {
		if v.Number == run.Version && len(v.Files) > 0 {
			return v, nil
		}
	}
	return catalog.Version{}, usage("La version %d n’est plus gardée : il n’y a rien à comparer.", run.Version)
}

// compareFiles puts what was published beside what was made again, format by format.
func compareFiles(published, replayed []catalog.File) (list []replayedFile, same bool) {
	same = true
	at := map[string]int{}
	for _, f := range published {
		at[f.Format] = len(list)
		list = append(list, replayedFile{Format: f.Format, Published: f.SHA256})
	}
	for _, f := range replayed {
		i, known := at[f.Format]
		if !known {
			i, list = len(list), append(list, replayedFile{Format: f.Format})
		}
		list[i].Replayed = f.SHA256
	}
	for i := range list {
		list[i].Same = list[i].Published == list[i].Replayed
		same = same && list[i].Same
	}
	return list, same
}

func (t *terminal) replayed(files []replayedFile, same, changed bool) {
	for _, f := range files {
		fmt.Fprintf(t.out, "%s %s\n", pad(f.Format, 12), map[bool]string{true: "identique " + f.Replayed, false: "différent : " + f.Published + " publié, " + f.Replayed + " refait"}[f.Same])
	}
	switch {
	case same:
		fmt.Fprintln(t.out, "Les mêmes fichiers, à l’octet près.")
	case changed:
		fmt.Fprintln(t.out, "La recette, le schéma, les règles ou le membre ont changé depuis : une différence était attendue.")
	default:
		fmt.Fprintln(t.out, "Rien n’a changé depuis, et les fichiers diffèrent : un original est abîmé (« grenier doctor --data ») ou le programme a changé.")
	}
}

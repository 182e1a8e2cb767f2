package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/publish"
)

// A damageJSON is a file that is not what the catalogue says.
type damageJSON struct {
	Key     string    `json:"key"`
	Missing bool      `json:"missing"`
	Twin    bool      `json:"twin,omitempty"`
	Uses    []useJSON `json:"uses"`
	Text    string    `json:"text"`
}

type useJSON struct {
	Kind    string `json:"kind"`
	Dataset string `json:"dataset,omitempty"`
	Slug    string `json:"slug,omitempty"`
	Member  string `json:"member"`
	Source  string `json:"source"`
	Version int    `json:"version,omitempty"`
	Format  string `json:"format,omitempty"`
	Name    string `json:"name,omitempty"`
}

// dataFinding reads the files again, all or some, and mends them when asked to.
func (c *doctorCommand) dataFinding(ctx context.Context, t *terminal, p *program) finding {
	found, err := t.inspect(ctx, p, c.Sample)
	if err != nil {
		return finding{Check: "data", Text: "Les fichiers n’ont pas pu être tous relus : " + err.Error()}
	}
	mended := ""
	if c.Repair && len(found.Damaged) > 0 {
		before := len(found.Damaged)
		if found.Damaged, err = t.mend(ctx, p, found.Damaged); err != nil {
			return finding{Check: "data", Text: "La réparation s’est arrêtée : " + sentence(err)}
		}
		mended = fmt.Sprintf(" %s sur %s.", plural(before-len(found.Damaged), "réparé", "réparés"), number(before))
	}
	f := finding{Check: "data", OK: len(found.Damaged) == 0,
		Text: fmt.Sprintf("Fichiers relus : %s, %s ; ", number(found.Blobs), size(found.Bytes))}
	for _, d := range found.Damaged {
		f.Damaged = append(f.Damaged, damageOf(d))
	}
	if f.OK {
		f.Text += "tous intacts." + mended
	} else {
		f.Text += plural(len(found.Damaged), "abîmé ou absent", "abîmés ou absents") + "." + mended
	}
	return f
}

func (t *terminal) inspect(ctx context.Context, p *program, sample int) (harvest.Inspection, error) {
	var progress bar
	shown := 0
	defer func() { progress.end() }()
	return harvest.Inspect(ctx, p.store, p.blobs, harvest.InspectOptions{Sample: sample, Progress: func(done, total int) {
		if shown == 0 {
			progress = t.newBar(total, "Relecture des fichiers")
		}
		progress.add(done - shown)
		shown = done
	}})
}

// mend deletes what is damaged, has the sources concerned harvested and judged again, and returns what is still not right.
func (t *terminal) mend(ctx context.Context, p *program, damaged []harvest.Damage) ([]harvest.Damage, error) {
	ids, err := harvest.Discard(ctx, p.blobs, damaged)
	if err != nil {
		return nil, err
	}
	sources, woven, err := p.sourcesToMend(ctx, ids)
	if err != nil {
		return nil, err
	}
	progress := t.newBar(len(sources), "Moissonnage")
	err = p.runner().RunAll(ctx, sources, p.config.Harvest.Workers, harvest.Ask{Slot: "repair", Force: true}, func(r harvest.Result) {
		progress.add(1)
		if r.Err != nil {
			progress.aside(t.err, r.Source.ID+" : "+sentence(r.Err))
		} else if r.Run.Status == catalog.Failed || r.Run.Status == catalog.Held {
			progress.aside(t.err, t.describe("", r.Run))
		}
	})
	progress.end()
	if err != nil {
		return nil, err
	}
	if woven {
		s := p.series()
		s.Force = true
		if err := s.Refresh(ctx); err != nil {
			return nil, err
		}
	}
	if err := p.catchUp(ctx); err != nil {
		fmt.Fprintln(t.err, "La recherche n’est pas à jour (« grenier reindex » la refait) :", err)
	}
	again, err := t.inspect(ctx, p, 0)
	return again.Damaged, err
}

// sourcesToMend are the sources that can be harvested again, and whether series are among those named.
func (p *program) sourcesToMend(ctx context.Context, ids []string) (sources []catalog.Source, series bool, err error) {
	for _, id := range ids {
		s, err := p.store.Source(ctx, id)
		switch {
		case errors.Is(err, catalog.ErrNotFound):
		case err != nil:
			return nil, false, err
		case strings.HasPrefix(s.Key, catalog.SeriesKey("")):
			series = true
		default:
			sources = append(sources, s)
		}
	}
	return sources, series, nil
}

// damageOf says in French what is damaged, whose it is and what to do.
func damageOf(d harvest.Damage) damageJSON {
	out := damageJSON{Key: d.Key, Missing: d.Missing, Twin: d.Twin, Uses: []useJSON{}}
	state := "Abîmé"
	switch {
	case d.Missing:
		state = "Absent"
	case !errors.Is(d.Err, publish.ErrDamaged):
		state = "Illisible (" + whyNot(d.Err) + ")"
	}
	for _, u := range d.Uses {
		id := ""
		if u.Version > 0 || u.Slug != "" {
			id = u.Dataset.String()
		}
		out.Uses = append(out.Uses, useJSON{u.Kind, id, u.Slug, u.Member.Name, u.Source, u.Version, u.Format, u.Name})
	}
	if len(d.Uses) == 0 {
		out.Text = state + " : " + d.Key + ", que plus rien ne nomme."
		return out
	}
	out.Text = state + " : " + place(d) + ". " + remedy(d)
	return out
}

// place says what the damaged file is to people.
func place(d harvest.Damage) string {
	u := worst(d.Uses)
	words := map[string]string{"file": "fichier publié " + u.Name, "origins": "origine des lignes", "raw": "original reçu " + u.Name, "quarantine": "lignes écartées"}[u.Kind]
	if d.Twin {
		words = "copie compressée du " + words
	}
	if u.Format != "" {
		words += " (" + u.Format + ")"
	}
	if u.Slug != "" {
		words += ", jeu " + u.Slug
	}
	if u.Version > 0 {
		words += fmt.Sprintf(", version %d", u.Version)
	}
	if u.Newest {
		words += " (en ligne)"
	}
	if u.Member.Name != "" {
		words += ", " + u.Member.Name
	}
	if len(d.Uses) > 1 {
		words += ", et " + plural(len(d.Uses)-1, "autre emploi", "autres emplois")
	}
	return words + ", " + d.Key
}

// worst is the use that matters most: what is online.
func worst(uses []catalog.BlobUse) catalog.BlobUse {
	for _, u := range uses {
		if u.Newest {
			return u
		}
	}
	return uses[len(uses)-1]
}

// remedy says what to do.
func remedy(d harvest.Damage) string {
	switch u := worst(d.Uses); {
	case u.Newest || u.Kind == "raw":
		return "« grenier doctor --read-data --repair » l’efface, puis le refait en moissonnant à nouveau " + u.Source + " (comme « grenier harvest --force --source " + u.Source + " »)."
	case d.Twin:
		return "« grenier doctor --read-data --repair » l’efface : les lecteurs recevront le fichier sans compression."
	}
	return "Restaurez-le d’une sauvegarde ; « grenier doctor --read-data --repair » l’efface pour que personne ne le lise abîmé."
}

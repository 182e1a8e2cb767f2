package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"grenier/catalog"
	"grenier/harvest"
)

// examine looks at database, files, runs and index.
func (p *program) examine(ctx context.Context) []finding {
	return []finding{p.examineStore(ctx), p.examineFiles(ctx), p.examineRuns(ctx), p.examineIndex(ctx), p.examineFeeds(ctx)}
}

func (p *program) examineStore(ctx context.Context) finding {
	if err := p.store.Check(ctx); err != nil {
		return finding{Check: "database", OK: false, Text: "Le catalogue est abîmé ou injoignable : restaurez la dernière sauvegarde. " + err.Error()}
	}
	st, err := p.store.Stats(ctx)
	if err != nil {
		return finding{Check: "database", OK: false, Text: "Le catalogue ne répond pas : " + err.Error()}
	}
	return finding{Check: "database", OK: true, Text: fmt.Sprintf("Catalogue sain : %s, %s, %s.", plural(st.Members, "membre", "membres"), plural(st.Sources, "source", "sources"), plural(st.Datasets, "jeu de données", "jeux de données"))}
}

// examineFiles looks for every file that the catalogue names.
func (p *program) examineFiles(ctx context.Context) finding {
	files, missing, first := 0, 0, ""
	err := p.store.EachDataset(ctx, catalog.DatasetQuery{}, func(d catalog.Dataset) error {
		for _, f := range d.Files {
			files++
			size, err := p.blobs.Stat(ctx, f.Key)
			if errors.Is(err, fs.ErrNotExist) || err == nil && size != f.Bytes {
				if missing++; first == "" {
					first = d.Slug + " (" + f.Name + ")"
				}
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return finding{Check: "files", OK: false, Text: "Les fichiers publiés ne peuvent pas être vérifiés : " + err.Error()}
	case missing > 0:
		return finding{Check: "files", OK: false, Text: fmt.Sprintf("%s sur %s manquent ou n’ont pas la bonne taille, d’abord %s : relancez le moissonnage avec --force, ou restaurez une sauvegarde.", plural(missing, "fichier", "fichiers"), number(files), first)}
	}
	return finding{Check: "files", OK: true, Text: fmt.Sprintf("Fichiers en place : %s.", plural(files, "fichier", "fichiers"))}
}

// examineRuns looks for runs that nobody keeps alive; the scheduler closes them and takes them up again.
func (p *program) examineRuns(ctx context.Context) finding {
	running, err := p.store.Runs(ctx, catalog.RunQuery{Status: catalog.Running, Limit: 1000})
	if err != nil {
		return finding{Check: "runs", OK: false, Text: "Les moissonnages ne peuvent pas être lus : " + err.Error()}
	}
	lost := 0
	for _, r := range running {
		if r.Lease.Before(time.Now()) {
			lost++
		}
	}
	if lost > 0 {
		return finding{Check: "runs", OK: true, Text: plural(lost, "moissonnage interrompu", "moissonnages interrompus") + " : le prochain moissonnage de la source, ou « grenier serve », le reprend."}
	}
	return finding{Check: "runs", OK: true, Text: "Aucun moissonnage en souffrance."}
}

func (p *program) examineIndex(ctx context.Context) finding {
	var err error
	if p.index == nil {
		err = p.openIndex(ctx)
	}
	if errors.Is(err, catalog.ErrIndexBusy) {
		return finding{Check: "index", OK: true, Text: "L’index de recherche est tenu par « grenier serve »."}
	}
	if err != nil {
		return finding{Check: "index", OK: false, Text: "L’index de recherche ne s’ouvre pas (« grenier reindex » le refait) : " + err.Error()}
	}
	page, err := p.index.Search(ctx, catalog.Query{Page: 1, Size: 1})
	if err != nil {
		return finding{Check: "index", OK: false, Text: "L’index de recherche ne répond pas : " + err.Error()}
	}
	_, total, err := p.store.Datasets(ctx, catalog.DatasetQuery{Limit: 1})
	if err != nil {
		return finding{Check: "index", OK: false, Text: "Le catalogue ne répond pas : " + err.Error()}
	}
	if page.Total != total {
		return finding{Check: "index", OK: false, Text: fmt.Sprintf("L’index connaît %d jeux de données et le catalogue %d : « grenier reindex » le refait.", page.Total, total)}
	}
	return finding{Check: "index", OK: true, Text: "Index de recherche à jour."}
}

// sweepFinding sweeps and says what came of it.
func (p *program) sweepFinding(ctx context.Context, dry bool) finding {
	done, err := p.sweep(ctx, dry)
	if errors.Is(err, harvest.ErrNotTheirCatalogue) {
		return finding{Check: "sweep", OK: false, Text: "Rien n’a été effacé : le catalogue ne nomme aucun des fichiers gardés. Vérifiez que « database » et « blobs » vont ensemble dans la configuration, ou restaurez une sauvegarde."}
	}
	text := swept(done, dry)
	if err != nil {
		return finding{Check: "sweep", OK: false, Text: "Le ménage s’est arrêté (" + text + ") ; le prochain le reprendra. " + err.Error()}
	}
	return finding{Check: "sweep", OK: true, Text: text + "."}
}

// swept is a sweep in a sentence without its end.
func swept(done harvest.SweepResult, dry bool) string {
	text := "Aucun fichier oublié"
	switch {
	case done.Blobs > 0 && dry:
		text = plural(done.Blobs, "fichier oublié serait supprimé", "fichiers oubliés seraient supprimés") + ", " + size(done.Bytes) + " rendus"
	case done.Blobs > 0:
		text = plural(done.Blobs, "fichier oublié supprimé", "fichiers oubliés supprimés") + ", " + size(done.Bytes) + " rendus"
	}
	if done.Runs > 0 {
		text += " ; " + plural(done.Runs, "vieux moissonnage effacé", "vieux moissonnages effacés") + " du catalogue"
	}
	return text
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/catalog/store"
	"grenier/harvest"

	"github.com/google/uuid"
)

// snapshotEvery is how much of the catalogue's history may be lost with the database.
const snapshotEvery = time.Minute

type rebuildCommand struct {
	From string `placeholder:"CLÉ" help:"L’instantané à prendre, parmi ceux de --list ; par défaut le plus récent qui se lit."`
	List bool   `help:"Montre les instantanés gardés, sans rien faire."`
	Yes  bool   `help:"Ne pas demander de confirmation."`
	By   string `placeholder:"NOM" help:"Qui le décide ; par défaut le compte de l’utilisateur."`
}

// Run makes the catalogue again, in an empty database, from what was kept beside the files.
func (c *rebuildCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	list, err := harvest.ListSnapshots(ctx, p.blobs)
	if err != nil {
		return err
	}
	if c.List {
		for _, s := range list {
			fmt.Fprintf(t.out, "%s  %s  %s\n", p.clock(s.Time), size(s.Bytes), s.Key)
		}
		return nil
	}
	if list, err = c.choose(list); err != nil {
		return err
	}
	if !c.Yes {
		fmt.Fprintf(t.err, "Le catalogue sera refait d’après l’instantané du %s. Continuer ? (oui) ", p.clock(list[0].Time))
		answer, _ := bufio.NewReader(t.in).ReadString('\n')
		if strings.TrimSpace(answer) != "oui" {
			return exitError{exitUnusable, "Rien n’a été fait. Sans écran, ajoutez --yes."}
		}
	}
	used, err := t.restore(ctx, p, list)
	if err != nil {
		return err
	}
	return t.rebuilt(ctx, p, used, t.who(c.By))
}

func (p *program) clock(at time.Time) string { return at.In(p.location).Format("02/01/2006 15:04:05") }

// choose lists the snapshots to try, best first: one catalogue's.
func (c *rebuildCommand) choose(list []harvest.Snapshot) ([]harvest.Snapshot, error) {
	if c.From != "" {
		i := slices.IndexFunc(list, func(s harvest.Snapshot) bool { return s.Key == c.From })
		if i < 0 {
			return nil, usage("Aucun instantané ne porte ce nom : « grenier rebuild --list » montre ceux qui sont gardés.")
		}
		return list[i : i+1], nil
	}
	if len(list) == 0 {
		return nil, exitError{exitBad, "Aucun instantané du catalogue n’est gardé parmi les fichiers : restaurez une sauvegarde, ou refaites entrer vos fichiers avec « grenier apply » puis moissonnez tout (les adresses permanentes changeront)."}
	}
	namespaces := map[uuid.UUID]bool{}
	for _, s := range list {
		namespaces[s.Namespace] = true
	}
	if len(namespaces) > 1 {
		return nil, usage("Ces fichiers gardent les instantanés de %d catalogues. Choisissez le bon dans « grenier rebuild --list » et donnez-le avec --from.", len(namespaces))
	}
	return list, nil
}

// restore tries the snapshots, newest first, and returns the one that could be read.
func (t *terminal) restore(ctx context.Context, p *program, list []harvest.Snapshot) (used harvest.Snapshot, err error) {
	for _, used = range list {
		err = harvest.Restore(ctx, p.store, p.blobs, used.Key)
		switch {
		case err == nil:
			return used, nil
		case errors.Is(err, store.ErrNotEmpty):
			return used, exitError{exitUnusable, "Le catalogue n’est pas vide : « rebuild » ne refait qu’une base perdue. Arrêtez le service, mettez grenier.db de côté (avec -wal et -shm), puis recommencez."}
		case ctx.Err() != nil || errors.Is(err, store.ErrNewer):
			return used, err
		}
		fmt.Fprintf(t.err, "L’instantané du %s ne se lit pas (%v) ; essai du précédent.\n", p.clock(used.Time), err)
	}
	return used, exitError{exitBad, "Aucun instantané ne se lit : restaurez une sauvegarde."}
}

// rebuilt notes what was done, makes the index follow, and says what the catalogue holds now.
func (t *terminal) rebuilt(ctx context.Context, p *program, used harvest.Snapshot, by string) (err error) {
	if p.namespace, err = p.store.Namespace(ctx); err != nil {
		return err
	}
	if err := p.store.VerifyAudit(ctx); err != nil {
		fmt.Fprintln(t.err, err)
	}
	if err := p.store.Note(ctx, catalog.AuditEntry{Actor: by, Action: catalog.AuditRebuild, Object: used.Key}); err != nil {
		return err
	}
	if p.index == nil {
		if err := p.openIndex(ctx); err != nil {
			return fmt.Errorf("le catalogue est refait, mais l’index de recherche ne s’ouvre pas (« grenier reindex ») : %w", err)
		}
	}
	if _, err := p.indexer().Reindex(ctx); err != nil {
		return err
	}
	st, err := p.store.Stats(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Catalogue refait d’après l’instantané du %s : %s, %s, %s, avec leurs adresses et leurs versions.\n", p.clock(used.Time),
		plural(st.Members, "membre", "membres"), plural(st.Sources, "source", "sources"), plural(st.Datasets, "jeu de données", "jeux de données"))
	fmt.Fprintln(t.out, "Ce qui a été publié ou décidé après cet instant n’y est pas : le prochain moissonnage le republie. « grenier doctor --read-data » vérifie les fichiers.")
	return nil
}

// snapshots keep the catalogue beside its files.
func (p *program) snapshots() *harvest.Snapshots {
	return &harvest.Snapshots{Store: p.store, Blobs: p.blobs, Log: p.log}
}

// replaceSnapshots leaves no snapshot from before.
func (p *program) replaceSnapshots(ctx context.Context) error { return p.snapshots().Replace(ctx) }

// snapshotAfter writes a snapshot at the end of a command that changed the catalogue, unless `grenier serve` does it.
func (t *terminal) snapshotAfter(ctx context.Context, p *program) {
	unlock, err := lockData(p.config.Data)
	if err != nil {
		return
	}
	defer unlock()
	if _, err := p.snapshots().Write(ctx); err != nil {
		fmt.Fprintln(t.err, "Le catalogue n’a pas pu être gardé à côté des fichiers :", err)
	}
}

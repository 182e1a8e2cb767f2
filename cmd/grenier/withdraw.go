package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/harvest"

	"github.com/google/uuid"
)

type withdrawCommand struct {
	Dataset      string `arg:"" optional:"" name:"jeu" help:"Identifiant (UUID) ou nom court du jeu de données, tel qu’il est dans l’adresse de sa page."`
	Reason       string `placeholder:"RAISON" help:"Pourquoi, pour le journal d’audit ; jamais public."`
	PublicReason string `placeholder:"PHRASE" help:"Ce que la page dira ; par défaut : « Ce jeu de données a été retiré par » et le nom du membre."`
	By           string `placeholder:"NOM" help:"Qui le décide ; par défaut le compte de l’utilisateur."`
	Yes          bool   `help:"Ne pas demander de confirmation."`
	Resume       bool   `help:"Reprendre ce qu’un retrait n’a pas pu effacer."`
	Undo         bool   `help:"Lever le retrait : le prochain moissonnage remettra le jeu en ligne."`
}

// meanwhile is how long a withdrawal waits for the end of a harvest under way, which may still bring what is to go.
const meanwhile = 30 * time.Second

// Run takes a dataset down: pages, files, past versions, originals. Exit 1 while something could not be deleted.
func (c *withdrawCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	if err := c.check(); err != nil {
		return err
	}
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	if c.Resume {
		return t.erase(ctx, p, nil)
	}
	d, err := p.datasetCalled(ctx, c.Dataset)
	if err != nil {
		return err
	}
	w := catalog.Withdrawal{
		Dataset: d.ID, By: t.who(c.By), Reason: c.Reason, Public: cmp.Or(c.PublicReason, "Ce jeu de données a été retiré par "+d.Member.Name+"."),
	}
	if w.By == "" {
		return usage("Dites qui le décide : --by NOM.")
	}
	if c.Undo {
		return t.reinstate(ctx, p, d, w)
	}
	if err := c.confirm(t, d); err != nil {
		return err
	}
	versions, err := p.store.Versions(ctx, d.ID)
	if err != nil {
		return err
	}
	if _, err := p.store.Withdraw(ctx, w); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Retiré : « %s » (%s), %s. Sa page, ses fichiers et ses lignes répondent dès maintenant qu’il a été retiré (410).\n",
		d.Title, d.Member.Name, plural(len(versions), "version", "versions"))
	return t.erase(ctx, p, &d)
}

func (c *withdrawCommand) check() error {
	switch {
	case c.Resume && (c.Undo || c.Dataset != ""):
		return usage("--resume va seul : il reprend tous les retraits inachevés.")
	case c.Resume:
		return nil
	case c.Dataset == "":
		return usage("Dites quel jeu de données retirer : son identifiant, ou la fin de l’adresse de sa page.")
	case strings.TrimSpace(c.Reason) == "":
		return usage("Dites pourquoi : --reason \"…\". La raison reste dans le journal d’audit et n’est jamais publique.")
	}
	return nil
}

// who is the person who acts: as said, or the account.
func (t *terminal) who(said string) string {
	if said = strings.TrimSpace(said); said != "" {
		return said
	}
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		for _, v := range t.env {
			if account, ok := strings.CutPrefix(v, name+"="); ok && account != "" {
				return account
			}
		}
	}
	return ""
}

// datasetCalled finds a dataset by its identity or its slug, withdrawn or not.
func (p *program) datasetCalled(ctx context.Context, name string) (d catalog.Dataset, err error) {
	if id, bad := uuid.Parse(name); bad == nil {
		d, err = p.store.Dataset(ctx, id)
	} else {
		d, err = p.store.DatasetBySlug(ctx, name)
	}
	if errors.Is(err, catalog.ErrNotFound) {
		return d, usage("Aucun jeu de données ne s’appelle « %s » : donnez son identifiant (UUID), ou la fin de l’adresse de sa page.", name)
	}
	return d, err
}

// confirm asks for the dataset's name, so that a wrong one is not withdrawn by a slip.
func (c *withdrawCommand) confirm(t *terminal, d catalog.Dataset) error {
	if c.Yes || d.Status == catalog.DatasetWithdrawn {
		return nil
	}
	fmt.Fprintf(t.err, "« %s » (%s), version %d, %s : la page, tous les fichiers, toutes les versions et les originaux seront effacés.\nTaper le nom du jeu pour confirmer (%s) : ",
		d.Title, d.Member.Name, d.Version, plural(d.Rows, "ligne", "lignes"), d.Slug)
	answer, err := bufio.NewReader(t.in).ReadString('\n')
	if answer = strings.TrimSpace(answer); answer == d.Slug || answer == d.Title || answer == d.ID.String() {
		return nil
	}
	if err != nil && answer == "" {
		fmt.Fprintln(t.err)
	}
	return exitError{exitUnusable, "Ce n’est pas le nom du jeu : rien n’a été retiré. Sans écran, ajoutez --yes."}
}

func (t *terminal) reinstate(ctx context.Context, p *program, d catalog.Dataset, w catalog.Withdrawal) error {
	err := p.store.Reinstate(ctx, w)
	if errors.Is(err, catalog.ErrNotFound) {
		return usage("« %s » n’est pas retiré, ou son retrait est déjà levé.", d.Title)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Retrait levé : « %s » reviendra au prochain moissonnage de %s, en version %d. Ses anciennes versions restent effacées.\n", d.Title, d.Source, d.Version+1)
	return nil
}

// erase deletes what withdrawn datasets left: blobs, traces in the database and its snapshots, entries of the index. d is the dataset just
// withdrawn, nil when resuming.
func (t *terminal) erase(ctx context.Context, p *program, d *catalog.Dataset) error {
	unwoven := p.unweave(ctx, d)
	deleted, kept, err := harvest.Purge(ctx, p.store, p.blobs)
	if err != nil {
		return err
	}
	busy, err := p.underWay(ctx, d)
	if err != nil {
		return err
	}
	if len(busy) == 0 && d != nil { // the end of a harvest that was under way may have brought more
		more, still, err := harvest.Purge(ctx, p.store, p.blobs)
		if err != nil {
			return err
		}
		deleted, kept = deleted+more, still
	}
	fmt.Fprintf(t.out, "%s.\n", plural(deleted, "fichier effacé", "fichiers effacés"))
	var left []string
	for _, k := range kept {
		left = append(left, fmt.Sprintf("%s : %s", k.Key, whyNot(k.Err)))
	}
	left = append(left, busy...)
	if unwoven != nil {
		left = append(left, "la série départementale : "+sentence(unwoven))
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"la sauvegarde du catalogue", p.replaceSnapshots},
		{"les traces dans la base", p.store.Scrub},
		{"l’index de recherche", p.catchUp},
	} {
		if err := step.do(ctx); err != nil {
			left = append(left, fmt.Sprintf("%s : %v", step.what, err))
		}
	}
	t.remind(p)
	if len(left) > 0 {
		return exitError{exitBad, "N’a pas encore pu être effacé :\n  " + strings.Join(left, "\n  ") + "\nRelancez « grenier withdraw --resume » jusqu’à ce que tout le soit."}
	}
	return nil
}

// unweave takes the dataset just withdrawn, or every withdrawn one, out of its series.
func (p *program) unweave(ctx context.Context, d *catalog.Dataset) error {
	if d != nil {
		return p.series().Unweave(ctx, *d)
	}
	entries, err := p.store.Audit(ctx, catalog.AuditQuery{Action: catalog.AuditWithdraw})
	if err != nil {
		return err
	}
	done := map[string]bool{}
	for _, e := range entries {
		id, err := uuid.Parse(e.Object)
		if err != nil || done[e.Object] {
			continue
		}
		done[e.Object] = true
		gone, err := p.store.Dataset(ctx, id)
		if err == nil && gone.Status == catalog.DatasetWithdrawn {
			err = p.series().Unweave(ctx, gone)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// underWay waits for harvests of the dataset's source to end, and says in French which go on: they may still bring what is to go.
func (p *program) underWay(ctx context.Context, d *catalog.Dataset) (busy []string, err error) {
	if d == nil {
		return nil, nil
	}
	for deadline := time.Now().Add(meanwhile); ; {
		runs, err := p.store.Runs(ctx, catalog.RunQuery{Source: d.Source, Status: catalog.Running})
		if err != nil {
			return nil, err
		}
		busy = busy[:0]
		for _, r := range runs {
			if r.Lease.After(time.Now()) {
				busy = append(busy, "le moissonnage en cours de "+r.Source+" : ce qu’il a reçu sera effacé à sa fin")
			}
		}
		if len(busy) == 0 || time.Now().After(deadline) {
			return busy, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// remind says what the program cannot erase.
func (t *terminal) remind(p *program) {
	fmt.Fprintln(t.out, wrap("Restent à effacer par vous : ce jeu dans les sauvegardes faites avant ce jour, et dans ce qui l’a déjà copié ailleurs (data.gouv.fr le retirera à son prochain moissonnage ; un réutilisateur, non).", "", t.screen()))
	path, ok := strings.CutPrefix(p.config.Database, "sqlite:")
	if !ok {
		return
	}
	copies, err := filepath.Glob(strings.TrimPrefix(path, "//") + ".avant-migration-*")
	if err == nil && len(copies) > 0 {
		fmt.Fprintln(t.out, "Ces copies de la base, faites avant ses mises à niveau, le contiennent peut-être encore : "+strings.Join(copies, ", "))
	}
}

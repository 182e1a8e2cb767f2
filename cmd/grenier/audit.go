package main

import (
	"context"
	"errors"
	"fmt"

	"grenier/catalog"
)

type auditCommand struct {
	Verify bool `help:"Suit toute la chaîne d’empreintes et dit la première ligne qui a été modifiée."`
	Limit  int  `default:"50" help:"Combien, au plus ; 0 pour tout."`
	JSON   bool `name:"json" help:"Pour un programme."`
}

// auditWords are the actions in French.
var auditWords = map[string]string{
	catalog.AuditWithdraw: "retrait", catalog.AuditRestore: "levée d’un retrait", catalog.AuditRebuild: "catalogue refait",
	catalog.AuditRelease: "livraison acceptée", catalog.AuditRefuse: "livraison refusée", catalog.AuditAccept: "catalogue accepté",
}

// Run lists what people decided, newest first, or checks that nobody touched it. Exit 1 when somebody did.
func (c *auditCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	if c.Verify {
		return c.verify(ctx, t, p)
	}
	entries, err := p.store.Audit(ctx, catalog.AuditQuery{Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		if entries == nil {
			entries = []catalog.AuditEntry{}
		}
		return printJSON(t.out, entries)
	}
	if len(entries) == 0 {
		fmt.Fprintln(t.out, "Rien n’a encore été décidé par une personne.")
	}
	for _, e := range entries {
		word := auditWords[e.Action]
		if word == "" {
			word = e.Action
		}
		fmt.Fprintf(t.out, "%d  %s  %s  %s  %s  %s\n", e.Seq, e.Time.In(p.location).Format("02/01/2006 15:04:05"), e.Actor, word, e.Object, e.Reason)
	}
	return nil
}

func (c *auditCommand) verify(ctx context.Context, t *terminal, p *program) error {
	err := p.store.VerifyAudit(ctx)
	var bad *catalog.TamperedError
	if err != nil && !errors.As(err, &bad) {
		return err
	}
	last, listed := p.store.Audit(ctx, catalog.AuditQuery{Limit: 1})
	if listed != nil {
		return listed
	}
	out := struct {
		OK      bool   `json:"ok"`
		Entries int64  `json:"entries"`
		Head    string `json:"head,omitempty"`
		Seq     int64  `json:"first_bad,omitempty"`
		Why     string `json:"why,omitempty"`
	}{OK: bad == nil}
	if len(last) > 0 {
		out.Entries, out.Head = last[0].Seq, last[0].Hash
	}
	if bad != nil {
		out.Seq, out.Why = bad.Seq, bad.Why
	}
	switch {
	case c.JSON:
		if err := printJSON(t.out, out); err != nil {
			return err
		}
	case bad == nil:
		fmt.Fprintf(t.out, "Journal d’audit intact : %s, empreinte de la dernière %s.\n", plural(out.Entries, "ligne", "lignes"), out.Head)
	default:
		return exitError{exitBad, bad.Error() + ". Comparez avec une sauvegarde, et cherchez qui a pu écrire dans la base."}
	}
	if bad != nil {
		return exitError{code: exitBad}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/catalog/rehearsal"
	"grenier/web"
)

// allCatalogues is what --catalogue means when no member is named.
const allCatalogues = "tous"

// doctorsCatalogue lets « doctor --catalogue » stand alone: a SIREN follows when one member is meant.
func doctorsCatalogue(args []string) []string {
	at := slices.Index(args, "doctor")
	if at < 0 {
		return args
	}
	args = slices.Clone(args)
	for i := at + 1; i < len(args); i++ {
		if args[i] != "--catalogue" {
			continue
		}
		if i+1 == len(args) || strings.HasPrefix(args[i+1], "-") {
			args[i] = "--catalogue=" + allCatalogues
		} else {
			args[i] += "=" + args[i+1]
			args = slices.Delete(args, i+1, i+2)
		}
	}
	return args
}

// A rehearsalJSON is what data.gouv.fr would make of one catalogue.
type rehearsalJSON struct {
	SIREN   string             `json:"siren,omitempty"`
	Name    string             `json:"name"`
	Address string             `json:"address"`
	Well    bool               `json:"well"`
	Quality int                `json:"quality"` // per cent
	Held    *time.Time         `json:"held,omitempty"`
	Losses  []catalog.FeedLoss `json:"losses,omitempty"`
	Harvest *rehearsal.Report  `json:"harvest"`
}

// checkCatalogue refuses flags that do not go together.
func (c *doctorCommand) checkCatalogue() error {
	switch {
	case c.Catalogue == "" && (c.URL != "" || c.Accept != "" || c.By != ""):
		return usage("--url, --accept et --by demandent --catalogue.")
	case c.Catalogue != "" && (c.Sweep || c.ReadData):
		return usage("--catalogue va sans --sweep ni --read-data.")
	case c.Accept != "" && c.URL != "":
		return usage("--accept décide d’un catalogue d’ici : sans --url.")
	case c.By != "" && c.Accept == "":
		return usage("--by demande --accept.")
	case c.URL != "":
		if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return usage("--url attend une adresse qui commence par https:// ou http://.")
		}
	}
	return nil
}

// catalogues rehearses what data.gouv.fr would read. Exit 1 when it would lose something, or when a catalogue waits; 2 when an address that was given
// cannot be read at all.
func (c *doctorCommand) catalogues(ctx context.Context, t *terminal, cmd *commands) error {
	if c.URL != "" && rehearsal.SyntaxOf(c.URL) != "" {
		return c.elsewhere(ctx, t, cmd)
	}
	p, err := t.open(ctx, cmd)
	if err != nil {
		return err
	}
	defer p.close()
	members, err := c.membersToRehearse(ctx, p)
	if err != nil {
		return err
	}
	if c.Accept != "" {
		return c.accept(ctx, t, p, members)
	}
	fetch, base, err := c.reach(ctx, p)
	if err != nil {
		return err
	}
	var all []rehearsalJSON
	progress := t.newBar(len(members)+1, "Répétition")
	for _, m := range members {
		one, err := p.rehearse(ctx, fetch, base, m)
		if err != nil {
			progress.end()
			return err
		}
		all = append(all, one)
		progress.add(1)
	}
	progress.end()
	return c.tell(t, all)
}

// elsewhere rehearses one catalogue by its address, whoever serves it.
func (c *doctorCommand) elsewhere(ctx context.Context, t *terminal, cmd *commands) error {
	config, err := loadConfig(cmd.Config, cmd.Data, t.env)
	if err != nil {
		return err
	}
	set, err := schemasOf(config)
	if err != nil {
		return err
	}
	report, err := rehearsal.Walk(ctx, rehearsal.Client(rehearsalClient().Do), c.URL, rehearsal.Options{Schemas: web.SchemaAddresses(set), Probe: true})
	if err != nil {
		return err
	}
	return c.tell(t, []rehearsalJSON{{Name: c.URL, Address: c.URL, Well: report.Well(), Quality: report.Average(), Harvest: report}})
}

// rehearsalClient asks the address that the operator typed, as data.gouv.fr would: it follows no redirect, and waits as long as an answer may take.
func rehearsalClient() *http.Client {
	return &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// membersToRehearse are the named one, or all that publish something.
func (c *doctorCommand) membersToRehearse(ctx context.Context, p *program) ([]catalog.Member, error) {
	if c.Catalogue != allCatalogues {
		m, err := p.store.Member(ctx, c.Catalogue)
		if errors.Is(err, catalog.ErrNotFound) {
			return nil, usage("Aucun membre n’a le SIREN %s. « grenier doctor --catalogue » les répète tous.", c.Catalogue)
		}
		return []catalog.Member{m}, err
	}
	all, _, err := p.store.Members(ctx, catalog.MemberQuery{})
	return slices.DeleteFunc(all, func(m catalog.Member) bool { return m.Datasets == 0 }), err
}

// reach is how the catalogues are asked for, and under which address: over the network with --url, else in this process.
func (c *doctorCommand) reach(ctx context.Context, p *program) (rehearsal.Fetch, string, error) {
	if c.URL != "" {
		return rehearsal.Client(rehearsalClient().Do), strings.TrimRight(c.URL, "/"), nil
	}
	h, err := p.handler(ctx)
	if err != nil {
		return nil, "", err
	}
	return rehearsal.Handler(h), p.config.BaseURL, nil
}

// handler is the portal of this program without any port. It does without the index when « grenier serve » holds it.
func (p *program) handler(ctx context.Context) (http.Handler, error) {
	if p.index == nil {
		if err := p.openIndex(ctx); errors.Is(err, catalog.ErrIndexBusy) {
			p.index = busyIndex{}
		} else if err != nil {
			return nil, err
		}
	}
	site, err := p.site(ctx)
	if err != nil {
		return nil, err
	}
	return site.Handler(), nil
}

// A busyIndex stands for one that another process holds. Nothing that a harvester reads needs it.
type busyIndex struct{ catalog.Index }

// Search says that another process holds the index.
func (busyIndex) Search(context.Context, catalog.Query) (catalog.Page, error) {
	return catalog.Page{}, catalog.ErrIndexBusy
}

// rehearse walks one member's catalogue.
func (p *program) rehearse(ctx context.Context, fetch rehearsal.Fetch, base string, m catalog.Member) (rehearsalJSON, error) {
	at := "/catalogues/" + m.SIREN
	report, err := rehearsal.Walk(ctx, fetch, base+at+".ttl", rehearsal.Options{Schemas: web.SchemaAddresses(p.schemas), Probe: true})
	if err != nil {
		return rehearsalJSON{}, err
	}
	out := rehearsalJSON{SIREN: m.SIREN, Name: m.Name, Address: report.Address, Well: report.Well(), Quality: report.Average(), Harvest: report}
	feed, err := p.store.Feed(ctx, at)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return out, err
	}
	if !feed.Held.IsZero() {
		since := feed.Held.In(p.location)
		out.Well, out.Held, out.Losses = false, &since, feed.Losses
	}
	return out, nil
}

// tell prints what was found, and is the verdict.
func (c *doctorCommand) tell(t *terminal, all []rehearsalJSON) error {
	sick, unread := 0, 0
	for _, one := range all {
		if !one.Well {
			sick++
		}
		if len(one.Harvest.Pages) == 0 {
			unread++
		}
		if !c.JSON {
			t.tellRehearsal(one, len(all) == 1)
		}
	}
	if c.JSON {
		if all == nil {
			all = []rehearsalJSON{}
		}
		if err := printJSON(t.out, all); err != nil {
			return err
		}
	} else if len(all) == 0 {
		fmt.Fprintln(t.out, "Aucun membre n’a encore de jeu de données en ligne.")
	}
	if c.URL != "" && unread > 0 && unread == len(all) {
		return exitError{exitUnusable, "Rien n’a pu être lu à cette adresse."}
	}
	if sick > 0 {
		return exitError{exitBad, plural(sick, "catalogue à corriger", "catalogues à corriger") + "."}
	}
	return nil
}

// tellRehearsal prints one catalogue: a line when all is well; else the causes, each once, before the datasets that they strike. Advice is for who
// asked for one catalogue.
func (t *terminal) tellRehearsal(one rehearsalJSON, advice bool) {
	r := one.Harvest
	mark, stored := t.paint(32, "✓"), r.Count("dataset", rehearsal.Stored)
	if !one.Well {
		mark = t.paint(31, "✗")
	}
	total := stored + r.Count("dataset", rehearsal.Skipped) + r.Count("dataset", rehearsal.Failed)
	line := fmt.Sprintf("%s %s : %s sur %s", mark, clip(one.Name, 40), plural(stored, "jeu gardé", "jeux gardés"), number(total))
	if stored > 0 {
		line += fmt.Sprintf(", qualité %d %%", one.Quality)
	}
	if n := r.Faults(); n > 0 {
		line += ", " + plural(n, "faute", "fautes")
	}
	fmt.Fprintln(t.out, line)
	if one.Held != nil {
		t.say("Un nouveau catalogue attend depuis le "+one.Held.Format("02/01/2006 à 15:04")+" : data.gouv.fr y perdrait quelque chose.", "    ")
		for _, l := range one.Losses {
			t.say("- "+l.Text, "    ")
		}
		t.say("Corrigez, ou laissez-le passer : grenier doctor --catalogue "+one.SIREN+" --accept \"la raison\".", "    ")
	}
	for _, n := range gathered(r.Findings) {
		if n.Effect.Fault() || advice {
			t.tellNote(n)
		}
	}
}

// say prints a text at the width of the screen, 80 columns at most.
func (t *terminal) say(text, indent string) {
	columns := 80
	if n := t.screen(); n > 0 {
		columns = min(n, columns)
	}
	fmt.Fprintln(t.out, wrap(text, indent, columns))
}

// A sameFaults stands for all that say the same.
type sameFaults struct {
	rehearsal.Finding
	titles []string
	pages  int
}

func gathered(findings []rehearsal.Finding) (notes []sameFaults) {
	for _, f := range findings {
		at := slices.IndexFunc(notes, func(n sameFaults) bool { return n.Text == f.Text })
		if at < 0 {
			notes, at = append(notes, sameFaults{Finding: f}), len(notes)
		}
		if f.Title != "" && !slices.Contains(notes[at].titles, f.Title) {
			notes[at].titles = append(notes[at].titles, f.Title)
		}
		notes[at].pages++
	}
	return notes
}

// effects are what they cost, in a word.
var effects = map[rehearsal.Effect]string{
	rehearsal.Stops: "Tout échoue", rehearsal.Fails: "Jeu refusé", rehearsal.Skips: "Jeu passé", rehearsal.Loses: "Perdu", rehearsal.Invalid: "Hors profil", rehearsal.Advice: "Conseil",
}

func (t *terminal) tellNote(n sameFaults) {
	t.say(effects[n.Effect]+". "+n.Text, "    ")
	where := n.Page
	if len(n.titles) > 0 {
		where = "«\u00a0" + strings.Join(n.titles[:min(3, len(n.titles))], "\u00a0», «\u00a0") + "\u00a0»"
		if more := len(n.titles) - 3; more > 0 {
			where += " et " + plural(more, "autre", "autres")
		}
	}
	if n.Property != "" {
		where = strings.TrimSpace(where + " (" + rehearsal.Label(n.Property) + ")")
	}
	if where != "" {
		t.say("Où : "+where+".", "      ")
	}
	t.say("À faire : "+n.Fix, "      ")
}

// accept lets what waits pass, with who decided and why in the audit.
func (c *doctorCommand) accept(ctx context.Context, t *terminal, p *program, members []catalog.Member) error {
	e := catalog.AuditEntry{Actor: t.who(c.By), Reason: strings.TrimSpace(c.Accept)}
	switch {
	case e.Reason == "":
		return usage("Dites pourquoi : --accept \"la raison\". Elle reste dans le journal d’audit et n’est jamais publique.")
	case e.Actor == "":
		return usage("Dites qui le décide : --by NOM.")
	}
	h, err := p.handler(ctx)
	if err != nil {
		return err
	}
	passed := 0
	for _, m := range members {
		at := "/catalogues/" + m.SIREN
		losses, err := p.store.AllowFeed(ctx, at, e)
		if errors.Is(err, catalog.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		passed++
		fmt.Fprintf(t.out, "Accepté : le catalogue de %s, malgré %s. Il est en ligne dans la minute.\n", m.Name, plural(len(losses), "perte", "pertes"))
		for _, l := range losses {
			t.say("- "+l.Text, "    ")
		}
		if res, err := rehearsal.Handler(h)(ctx, http.MethodGet, p.config.BaseURL+at+".ttl"); err == nil { // the portal takes it up by itself too
			res.Body.Close()
		}
	}
	if passed == 0 {
		return exitError{exitBad, "Aucun catalogue n’attend : il n’y a rien à accepter."}
	}
	return nil
}

// examineFeeds looks for catalogues that wait.
func (p *program) examineFeeds(ctx context.Context) finding {
	held, err := p.store.HeldFeeds(ctx)
	if err != nil {
		return finding{Check: "feeds", OK: false, Text: "Les catalogues moissonnés ne peuvent pas être lus : " + err.Error()}
	}
	if len(held) == 0 {
		return finding{Check: "feeds", OK: true, Text: "Aucun catalogue retenu pour data.gouv.fr."}
	}
	names := make([]string, 0, len(held))
	for _, f := range held {
		name := f.Member
		if m, err := p.store.Member(ctx, f.Member); err == nil {
			name = m.Name
		}
		names = append(names, name)
	}
	return finding{Check: "feeds", OK: false, Text: fmt.Sprintf("%s, parce que data.gouv.fr y perdrait quelque chose (%s) : « grenier doctor --catalogue » dit quoi et que faire.",
		plural(len(held), "catalogue retenu", "catalogues retenus"), strings.Join(names[:min(3, len(names))], ", "))}
}

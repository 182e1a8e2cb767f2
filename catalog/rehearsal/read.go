package rehearsal

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxFindings bounds a report; a catalogue with more faults than that has one that explains the others.
const maxFindings = 2000

// A page is one that was parsed.
type page struct {
	address string
	syntax  Syntax
	graph   *Graph
	owners  map[Term]Term // from what datasets hold to the dataset
	pointed map[Term]int  // how many statements lead to a node, one more for each that makes it more than a mention; nil until it is asked for
	ref     PageRef
}

// A reader gathers what a catalogue brings.
type reader struct {
	Options
	report *Report
	local  bool              // the catalogue is at an internal address: so may its files be
	taken  map[string]string // identifiers, with whose they are
	said   map[Finding]bool
}

func newReader(address string, o Options) *reader {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	r := &reader{Options: o, report: &Report{Address: address, Pages: []PageRef{}, Items: []Item{}, Findings: []Finding{}}, taken: map[string]string{}, said: map[Finding]bool{}}
	if host, internal := internalHost(address); internal {
		r.local = true
		r.say(Finding{}, "private-address", host)
	}
	return r
}

// A Page is one page of a catalogue that is at hand.
type Page struct {
	Address string
	Syntax  Syntax
	Body    []byte
}

// Read says what data.gouv.fr would make of pages that it got without trouble.
func Read(pages []Page, o Options) *Report {
	address := ""
	if len(pages) > 0 {
		address = pages[0].Address
	}
	r := newReader(address, o)
	var parsed []*page
	for i, p := range pages {
		one := r.parse(p)
		if one == nil {
			continue
		}
		parsed = append(parsed, one)
		next := r.next(one)
		switch {
		case next == "" && i+1 < len(pages), next != "" && i+1 == len(pages), next != "" && i+1 < len(pages) && next != pages[i+1].Address:
			r.say(Finding{Page: p.Address, Property: curie(hydra + "next")}, "paging-loop", cmp.Or(next, "aucune"))
		}
	}
	r.judge(parsed)
	return r.done()
}

// parse reads one page, or says why it cannot be read.
func (r *reader) parse(p Page) *page {
	g, err := Parse(p.Syntax, p.Body, r.Limits)
	if err != nil {
		code := "syntax"
		if strings.Contains(err.Error(), errRemoteContext.Error()) {
			code = "remote-context"
		}
		r.say(Finding{Page: p.Address}, code, err.Error())
		return nil
	}
	one := &page{address: p.Address, syntax: p.Syntax, graph: g, owners: map[Term]Term{}}
	one.ref = PageRef{Address: p.Address, Bytes: len(p.Body), Triples: g.Len(), Datasets: len(g.Typed(dcat + "Dataset")), Services: len(g.Typed(dcat + "DataService"))}
	for _, class := range []string{"Dataset", "DatasetSeries", "DataService"} {
		for _, s := range g.Typed(dcat + class) {
			for _, e := range g.edges[s] {
				if e.object.Kind != Literal && !oneOf(e.predicate, dcat+"servesDataset", dcat+"inSeries", dct+"hasPart") {
					if _, ok := one.owners[e.object]; !ok {
						one.owners[e.object] = s
					}
				}
			}
		}
	}
	r.report.Pages = append(r.report.Pages, one.ref)
	return one
}

func oneOf(s string, list ...string) bool { return slices.Contains(list, s) }

// next is the address of the page after this one, found as data.gouv.fr finds it: one node of the one class, else of the other.
func (r *reader) next(p *page) string {
	for _, way := range [][2]string{{hydra + "PartialCollectionView", hydra + "next"}, {hydra + "PagedCollection", hydra + "nextPage"}} {
		views := p.graph.Typed(way[0])
		if len(views) == 0 {
			continue
		}
		if len(views) > 1 {
			r.say(Finding{Page: p.address, Property: curie(way[1])}, "paging-views", strconv.Itoa(len(views)))
		}
		return first(p.graph.Objects(views[0], way[1])).Value
	}
	return ""
}

func first(terms []Term) Term {
	if len(terms) == 0 {
		return Term{}
	}
	return terms[0]
}

// judge replays all rules on the pages of a catalogue: datasets first, then APIs, as the harvester does.
func (r *reader) judge(pages []*page) {
	typed := map[string][]string{}
	for _, p := range pages {
		r.addresses(p)
		for class, subjects := range p.graph.typed {
			for _, s := range subjects {
				if s.Kind == IRI {
					typed[s.Value] = append(typed[s.Value], class)
				}
			}
		}
	}
	for _, p := range pages {
		for _, s := range p.graph.subjects {
			if p.graph.has(s, dcat+"Dataset") || p.graph.has(s, dcat+"DatasetSeries") {
				if !p.servedOnly(s) {
					r.dataset(p, s)
				}
			}
		}
	}
	for _, p := range pages {
		r.services(p)
	}
	for _, p := range pages {
		r.profiled(p, typed)
	}
	bytes := 0
	for _, p := range pages {
		bytes += p.ref.Bytes
	}
	if bytes > 10<<20 {
		r.say(Finding{}, "too-heavy", strconv.Itoa(bytes>>20))
	}
	switch n := r.report.Count("dataset", Stored) + r.report.Count("dataset", Skipped) + r.report.Count("dataset", Failed); {
	case n == 0 && len(pages) > 0:
		r.say(Finding{Page: pages[0].address}, "empty")
	case n > 1000:
		r.say(Finding{}, "too-many", strconv.Itoa(n))
	}
}

// servedOnly tells a node that is only there to be pointed at by an API or a collection: the harvester knows it for no dataset of this page.
func (p *page) servedOnly(s Term) bool {
	if p.pointed == nil {
		p.pointed = map[Term]int{}
		p.graph.Triples(func(t Triple) {
			if t.Object.Kind == Literal {
				return
			}
			if p.pointed[t.Object]++; !oneOf(t.Predicate, dcat+"servesDataset", dct+"hasPart") {
				p.pointed[t.Object]++
			}
		})
	}
	return p.pointed[s] == 1 && len(p.graph.Objects(s, dct+"title")) == 0
}

// addresses looks at every address and every text of a page.
func (r *reader) addresses(p *page) {
	for i, ref := range p.graph.relative {
		if i < 20 {
			r.say(Finding{Page: p.address}, "relative-iri", short(ref))
		}
	}
	seen := map[string]bool{}
	look := func(near Term, t Term) {
		switch {
		case t.Kind == IRI && !seen[t.Value]:
			seen[t.Value] = true
			if strings.ContainsFunc(t.Value, illegal) {
				f := r.at(p, near, "")
				if p.syntax != Turtle && p.syntax != NTriples {
					f.Effect = Invalid
				}
				r.say(f, "iri-syntax", short(t.Value))
			}
		case t.Kind == Literal && strings.ContainsFunc(t.Value, control):
			r.say(r.at(p, near, ""), "control-character", short(t.Value))
		}
	}
	p.graph.Triples(func(t Triple) {
		look(t.Subject, t.Subject)
		look(t.Subject, Term{Kind: IRI, Value: t.Predicate})
		look(t.Subject, t.Object)
	})
}

func illegal(c rune) bool { return c <= ' ' || strings.ContainsRune("<>\"{}|\\^`", c) }

func control(c rune) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\r' }

// at is a finding in its place: the dataset or API that a node belongs to.
func (r *reader) at(p *page, s Term, property string) Finding {
	f := Finding{Page: p.address, Property: curie(property)}
	item, ok := p.owners[s]
	if up, twice := p.owners[item]; ok && twice { // a blank node of a file of a dataset
		item = up
	}
	if !ok {
		item = s
	} else if s.Kind == IRI {
		f.Node = s.Value
	}
	if isItem(p.graph, item) {
		f.Item, f.Title = item.Value, titleOf(p.graph, item)
	} else if s.Kind == IRI {
		f.Node = s.Value
	}
	return f
}

func isItem(g *Graph, s Term) bool {
	return g.has(s, dcat+"Dataset") || g.has(s, dcat+"DatasetSeries") || g.has(s, dcat+"DataService")
}

// note is say for a node.
func (r *reader) note(p *page, s Term, property, code string, args ...any) {
	r.say(r.at(p, s, property), code, args...)
}

// say adds a finding, once. An Effect that is set stays.
func (r *reader) say(at Finding, code string, args ...any) {
	f := finding(code, args...)
	f.Page, f.Item, f.Title, f.Node, f.Property = at.Page, at.Item, at.Title, at.Node, at.Property
	if at.Effect != "" {
		f.Effect = at.Effect
	}
	key := f
	key.Page = "" // pages repeat nodes
	if r.said[key] {
		return
	}
	if len(r.report.Findings) >= maxFindings {
		r.report.Dropped++
		return
	}
	r.said[key] = true
	r.report.Findings = append(r.report.Findings, f)
}

// done orders the findings, causes first.
func (r *reader) done() *Report {
	slices.SortStableFunc(r.report.Findings, func(a, b Finding) int { return cmp.Compare(a.Effect.rank(), b.Effect.rank()) })
	return r.report
}

// worst is what the findings on an item make of it.
func (r *reader) worst(i *Item, from int) {
	i.Outcome = Stored
	for _, f := range r.report.Findings[from:] {
		switch {
		case f.Effect == Skips:
			i.Outcome = Skipped
			return
		case f.Effect == Fails:
			i.Outcome = Failed
		}
	}
}

// text is the value that is read of a property: French, else any.
func text(g *Graph, s Term, property string) string {
	all := g.Objects(s, property)
	for _, lang := range []string{"fr", ""} {
		for _, o := range all {
			if o.Kind == Literal && o.Lang == lang {
				return o.Value
			}
		}
	}
	return first(all).Value
}

func titleOf(g *Graph, s Term) string { return strings.TrimSpace(text(g, s, dct+"title")) }

// slug is a text as data.gouv.fr makes a tag of it.
func slug(s string) string {
	var b strings.Builder
	dash := false
	for _, c := range norm.NFKD.String(strings.ToLower(s)) {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(c)
		case unicode.Is(unicode.Mn, c):
		default:
			dash = true
		}
	}
	return b.String()
}

package dcat

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

// A Catalogue describes one page of one catalogue, or all of it (Site.WriteAll, which looks at no page).
type Catalogue struct {
	Path        string // "/catalogues/213900137" or "/catalogue": page 1 is Path+".ttl", page n Path+"/n.ttl"
	Query       string // of every page's address, without its question mark: "modified_since=2026-01-01"
	IRI         string // path of the catalogue's identity: "/id/catalogue/213900137"
	Title       string
	Description string
	Publisher   catalog.Member // of the catalogue: the member, or the operator
	Homepage    string         // path
	Modified    time.Time      // newest change of its datasets; zero when there is none
	Page, Pages int            // from 1
	Total       int            // datasets in all pages
	Service     *Service       // on this page; nil on the others
	Series      []Series       // of the datasets of the catalogue; none in a member's, which data.gouv.fr would take for datasets
}

// A Service is the API of a member's datasets, or of all of them. The page that has it says the identifier of each dataset that it serves, without
// describing them again: data.gouv.fr looks for nothing more there (CONTRACT section 6).
type Service struct {
	IRI, Title, Description string // IRI is a path
	Publisher               catalog.Member
	Serves                  []uuid.UUID
	HVD                     []string // categories of the datasets served
}

// A Series is what the datasets of several members in one national schema make together.
type Series struct {
	Schema             string // "scdl/deliberations"
	Title, Description string
	Publisher          catalog.Member
	Frequency          string
	Issued, Modified   time.Time
}

// page lists the nodes of a catalogue page.
func (s *Site) page(c Catalogue, x Syntax, ds []Description) iter.Seq2[*node, error] {
	b := &builder{site: s}
	n := b.catalogue(c)
	n.link(hydraView, c.address(c.Page, x))
	refs := make([]ref, len(ds))
	for i := range ds {
		refs[i] = datasetRef(ds[i].Dataset)
	}
	n.link(datasetOf, refs...)
	b.view(c, x)
	b.service(n, c.Service, ds)
	b.nodes[0] = *n
	for _, one := range c.Series {
		if slices.ContainsFunc(ds, func(d Description) bool { return d.Schema == one.Schema }) {
			b.series(one)
		}
	}
	each := func(yield func(Description, error) bool) {
		for _, d := range ds {
			if !yield(d, nil) {
				return
			}
		}
	}
	return both(b.nodes, described(each, c.Series, func(Description) []node { return nil }))
}

// all lists the nodes of a catalogue in one document: each dataset is followed by the statement that it is part of it.
func (s *Site) all(c Catalogue, ds iter.Seq2[Description, error]) iter.Seq2[*node, error] {
	b := &builder{site: s}
	n := b.catalogue(c)
	b.service(n, c.Service, nil)
	b.nodes[0] = *n
	for _, one := range c.Series {
		b.series(one)
	}
	member := node{ref: in(here, c.IRI)}
	return both(b.nodes, described(ds, c.Series, func(d Description) []node {
		member.props = []prop{{datasetOf, []object{{ref: datasetRef(d.Dataset)}}}}
		return []node{member}
	}))
}

func both(first []node, then iter.Seq2[*node, error]) iter.Seq2[*node, error] {
	return func(yield func(*node, error) bool) {
		for i := range first {
			if !yield(&first[i], nil) {
				return
			}
		}
		then(yield)
	}
}

// catalogue is the dcat:Catalog (CONTRACT section 5.1): data.gouv.fr ignores it, Europe does not. Its place is the first, where who completes it puts
// it.
func (b *builder) catalogue(c Catalogue) *node {
	b.nodes = make([]node, 1)
	n := &node{ref: in(here, c.IRI), types: []class{catalogue, collection}}
	n.say(title, c.Title)
	n.say(description, c.Description)
	n.link(publisher, b.agent(&c.Publisher))
	n.link(language, in(authority, "language/FRA"))
	n.link(license, b.licence("lov2"))
	n.link(homepage, b.shared(in(here, c.Homepage), nil, document))
	n.date(modified, c.Modified)
	n.link(spatial, b.place(&c.Publisher))
	n.link(themeTaxonomy, in(authority, "data-theme"))
	n.say(totalItems, strconv.Itoa(c.Total))
	return n
}

// address is the address of page i in a syntax.
func (c Catalogue) address(i int, x Syntax) ref {
	path := c.Path
	if i > 1 {
		path = fmt.Sprintf("%s/%d", c.Path, i)
	}
	path += "." + x.Extension()
	if c.Query != "" {
		path += "?" + c.Query
	}
	return in(here, path)
}

// view is the one hydra:PartialCollectionView of the page; the last page has no next (CONTRACT section 3).
func (b *builder) view(c Catalogue, x Syntax) {
	n := node{ref: c.address(c.Page, x), types: []class{collectionPage}}
	n.link(hydraFirst, c.address(1, x))
	if c.Page > 1 {
		n.link(hydraPrevious, c.address(c.Page-1, x))
	}
	if c.Page < c.Pages {
		n.link(hydraNext, c.address(c.Page+1, x))
	}
	n.link(hydraLast, c.address(max(c.Pages, 1), x))
	b.nodes = append(b.nodes, n)
}

// service is the dcat:DataService (CONTRACT section 6), no distribution's access service: data.gouv.fr would not see it.
func (b *builder) service(of *node, s *Service, shown []Description) {
	if s == nil {
		return
	}
	r := in(here, s.IRI)
	of.link(service, r)
	at := len(b.nodes)
	b.nodes = append(b.nodes, node{})
	n := node{ref: r, types: []class{dataService}}
	n.say(identifier, b.site.Base+r.rest)
	n.say(title, s.Title)
	n.say(description, s.Description)
	n.link(publisher, b.agent(&s.Publisher))
	n.link(contactPoint, b.contact(&s.Publisher))
	n.link(license, b.licence("lov2"))
	n.link(accessRights, in(authority, "access-right/PUBLIC"))
	n.link(endpointURL, in(here, "/api/1"))
	n.link(endpointDescription, in(here, "/api/1/openapi.json"))
	n.link(foafPage, b.shared(in(here, "/api"), nil, document))
	if len(s.HVD) > 0 {
		categories := make([]ref, len(s.HVD))
		for i, code := range s.HVD {
			categories[i] = in(hvdCodes, code)
		}
		n.link(theme, categories...)
		n.link(hvdCategory, categories...)
		n.link(applicableLegislation, address(hvdAct))
	}
	refs := make([]ref, len(s.Serves))
	for i, id := range s.Serves {
		refs[i] = datasetRef(id)
	}
	n.link(servesDataset, refs...)
	b.nodes[at] = n
	for i, id := range s.Serves {
		if slices.ContainsFunc(shown, func(d Description) bool { return d.Dataset == id }) {
			continue
		}
		named := node{ref: refs[i]}
		named.say(identifier, b.site.Base+refs[i].rest)
		b.nodes = append(b.nodes, named)
	}
}

func seriesRef(schema string) ref { return in(here, "/id/serie/"+schema) }

// series is the dcat:DatasetSeries, complete on each page that has a dataset of it.
func (b *builder) series(s Series) {
	at := len(b.nodes)
	b.nodes = append(b.nodes, node{})
	n := node{ref: seriesRef(s.Schema), shared: true, types: []class{datasetSeries}}
	n.say(identifier, b.site.Base+n.ref.rest)
	n.say(title, s.Title)
	n.say(description, cmp.Or(s.Description, s.Title))
	n.link(publisher, b.agent(&s.Publisher))
	n.link(contactPoint, b.contact(&s.Publisher))
	if s.Frequency != "" {
		n.link(accrualPeriodicity, in(authority, "frequency/"+s.Frequency))
	}
	n.date(issued, s.Issued)
	n.date(modified, s.Modified)
	b.nodes[at] = n
}

package rehearsal

import (
	"strings"
)

// services reads the APIs of a page: those that no file claims.
func (r *reader) services(p *page) {
	claimed := map[Term]bool{}
	p.graph.Triples(func(t Triple) {
		if t.Predicate == dcat+"accessService" {
			claimed[t.Object] = true
		}
	})
	for _, s := range p.graph.Typed(dcat + "DataService") {
		if !claimed[s] {
			r.service(p, s)
		}
	}
}

func (r *reader) service(p *page, s Term) {
	from := len(r.report.Findings)
	i := Item{Kind: "service", IRI: s.Value, Page: p.address, Tags: []string{}, Files: []File{}}
	r.identity(p, s, &i)
	i.Description = strings.TrimSpace(text(p.graph, s, dct+"description"))
	if len(p.graph.Objects(s, dcat+"contactPoint")) > 0 {
		i.Contacts = r.contacts(p, s)
	}
	i.Issued, i.Modified = r.dates(p, s)
	r.landing(p, s, &i)
	r.valuable(p, s)
	i.Endpoint = first(p.graph.Objects(s, dcat+"endpointURL")).Value
	if i.Endpoint != "" && !isWeb(i.Endpoint) {
		r.note(p, s, dcat+"endpointURL", "endpoint", short(i.Endpoint))
	}
	for _, at := range p.graph.Objects(s, dcat+"servesDataset") {
		id := first(p.graph.Objects(at, dct+"identifier")).Value
		if id == "" {
			r.note(p, s, dcat+"servesDataset", "serves-dataset", short(at.Value))
			continue
		}
		i.Serves = append(i.Serves, id)
	}
	if all := p.graph.Objects(s, dct+"license"); len(all) > 0 {
		if l, ok := licenceOf(all[0].Value); ok {
			i.Licence, i.LicenceName = l.id, l.title
		}
	}
	r.worst(&i, from)
	r.report.Items = append(r.report.Items, i)
}

package rehearsal

import (
	"cmp"
	"encoding/json"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// dataset reads one dcat:Dataset.
func (r *reader) dataset(p *page, s Term) {
	from := len(r.report.Findings)
	i := Item{Kind: "dataset", IRI: s.Value, Page: p.address, Tags: []string{}, Files: []File{}}
	if !r.identity(p, s, &i) {
		i.Outcome = Skipped
		r.report.Items = append(r.report.Items, i)
		return
	}
	r.words(p, s, &i)
	r.tags(p, s, &i)
	r.coverage(p, s, &i)
	i.Contacts = r.contacts(p, s)
	i.Issued, i.Modified = r.dates(p, s)
	r.landing(p, s, &i)
	r.valuable(p, s)
	if all := p.graph.Objects(s, dct+"conformsTo"); len(all) > 0 {
		i.Schema = r.schema(p, s)
	}
	if len(p.graph.Objects(s, dct+"hasPart")) > 0 {
		r.note(p, s, dct+"hasPart", "has-part")
	}
	r.files(p, s, &i)
	r.licence(p, s, &i)
	r.worst(&i, from)
	r.score(p, s, &i)
	r.report.Items = append(r.report.Items, i)
}

// identity reads what makes an item, and tells whether there is one. A second owner of an identifier is refused.
func (r *reader) identity(p *page, s Term, i *Item) bool {
	if s.Kind != IRI {
		r.note(p, s, "", "iri")
	}
	ids := p.graph.Objects(s, dct+"identifier")
	switch len(ids) {
	case 0:
		r.note(p, s, dct+"identifier", "identifier")
	case 1:
	default:
		r.note(p, s, dct+"identifier", "identifier-many", strconv.Itoa(len(ids)))
	}
	for _, id := range ids {
		owner, taken := r.taken[id.Value]
		switch {
		case strings.TrimSpace(id.Value) == "":
			r.note(p, s, dct+"identifier", "identifier")
		case taken && owner != p.address+" "+s.Value:
			r.note(p, s, dct+"identifier", "identifier-unique", short(id.Value))
		case id.Kind != Literal:
			r.note(p, s, dct+"identifier", "identifier-text", short(id.Value))
		case !isWeb(id.Value):
			r.note(p, s, dct+"identifier", "identifier-local", short(id.Value))
		}
		if !taken {
			r.taken[id.Value] = p.address + " " + s.Value
		}
	}
	i.Identifier, i.Title = first(ids).Value, titleOf(p.graph, s)
	if i.Title == "" {
		code := "title"
		if i.Kind == "service" {
			code = "title-service"
		}
		r.note(p, s, dct+"title", code)
		return code == "title-service"
	}
	if titles := p.graph.Objects(s, dct+"title"); !slices.ContainsFunc(titles, func(t Term) bool { return t.Kind == Literal && (t.Lang == "" || t.Lang == "fr") }) {
		r.note(p, s, dct+"title", "title-fr")
	}
	return strings.TrimSpace(i.Identifier) != ""
}

// tagLike is what is taken for HTML.
var tagLike = regexp.MustCompile(`<[a-zA-Z][^>]*>`)

func (r *reader) words(p *page, s Term, i *Item) {
	i.Description = strings.TrimSpace(text(p.graph, s, dct+"description"))
	if n := utf8.RuneCountInString(i.Description); n <= 100 {
		r.note(p, s, dct+"description", "description", strconv.Itoa(n))
	}
	if tag := tagLike.FindString(i.Description); tag != "" {
		r.note(p, s, dct+"description", "description-html", short(tag))
	}
	i.Acronym = text(p.graph, s, skos+"altLabel")
	if utf8.RuneCountInString(i.Acronym) > 128 {
		r.note(p, s, skos+"altLabel", "alt-label")
	}
}

// tags are the keywords and what themes add to them.
func (r *reader) tags(p *page, s Term, i *Item) {
	for _, k := range p.graph.Objects(s, dcat+"keyword") {
		if k.Kind != Literal {
			r.note(p, s, dcat+"keyword", "keyword")
			continue
		}
		tag := slug(k.Value)
		if len(tag) < 3 || len(tag) > 96 {
			r.note(p, s, dcat+"keyword", "keyword-length", short(k.Value))
			continue
		}
		i.Tags = append(i.Tags, tag)
	}
	for _, theme := range p.graph.Objects(s, dcat+"theme") {
		for _, name := range p.graph.Objects(theme, skos+"prefLabel") {
			r.note(p, s, dcat+"theme", "theme-label", short(name.Value))
			i.Tags = append(i.Tags, slug(name.Value))
		}
		if tag, ok := hvdTags[theme.Value]; ok {
			i.HVD = append(i.HVD, tag)
			i.Tags = append(i.Tags, "hvd", tag)
		}
		if strings.HasPrefix(theme.Value, "http://inspire.ec.europa.eu/theme/") {
			i.Tags = append(i.Tags, "inspire")
		}
	}
	slices.Sort(i.Tags)
	i.Tags = slices.Compact(i.Tags)
}

// valuable checks what a high-value dataset must say.
func (r *reader) valuable(p *page, s Term) {
	categories := p.graph.Objects(s, dcatap+"hvdCategory")
	for _, c := range categories {
		if _, ok := hvdTags[c.Value]; ok && !slices.Contains(p.graph.Objects(s, dcat+"theme"), c) {
			r.note(p, s, dcat+"theme", "hvd-theme")
		}
	}
	if len(categories) > 0 && !slices.Contains(p.graph.Objects(s, dcatap+"applicableLegislation"), Term{Kind: IRI, Value: hvdAct}) {
		r.note(p, s, dcatap+"applicableLegislation", "hvd-act")
	}
}

// coverage is frequency, time and place.
func (r *reader) coverage(p *page, s Term, i *Item) {
	if all := p.graph.Objects(s, dct+"accrualPeriodicity"); len(all) == 0 {
		r.note(p, s, dct+"accrualPeriodicity", "frequency-none")
	} else if i.Frequency = frequencyOf(all[0].Value); i.Frequency == "" {
		r.note(p, s, dct+"accrualPeriodicity", "frequency", short(all[0].Value))
	}
	all := p.graph.Objects(s, dct+"temporal")
	for n, one := range all {
		if period := r.period(p, s, one); n == 0 {
			i.Temporal = period
		}
	}
	if len(all) == 0 {
		r.note(p, s, dct+"temporal", "temporal-none")
	}
	all = p.graph.Objects(s, dct+"spatial")
	unread := false
	for _, one := range all {
		box, bad := r.place(p, s, one)
		i.Spatial, unread = union(i.Spatial, box), unread || bad
	}
	if i.Spatial == nil && !unread {
		r.note(p, s, dct+"spatial", "spatial-none")
	}
}

// period reads a coverage in time. A text alone is read when it is a date or two.
func (r *reader) period(p *page, s, at Term) *Period {
	if at.Kind == Literal {
		from, to, _ := strings.Cut(at.Value, "/")
		if _, ok := parseDate(from); !ok || to != "" && !isDate(to) {
			r.note(p, s, dct+"temporal", "temporal", short(at.Value))
			return nil
		}
		return &Period{From: from, To: to}
	}
	if at.Kind == IRI {
		r.note(p, s, dct+"temporal", "temporal-iri", short(at.Value))
	}
	var out Period
	for _, end := range []struct {
		property string
		into     *string
	}{{dcat + "startDate", &out.From}, {dcat + "endDate", &out.To}} {
		for _, v := range p.graph.Objects(at, end.property) {
			if v.Kind != Literal || !hasDatatype(v, "date dateTime") || !isDate(v.Value) {
				r.note(p, s, dct+"temporal", "temporal", short(v.Value))
				continue
			}
			*end.into = v.Value
		}
	}
	if out == (Period{}) {
		return nil
	}
	return &out
}

// place reads the polygons of one place; bad tells that something was there and could not be read.
func (r *reader) place(p *page, s, at Term) (box *Box, bad bool) {
	for _, e := range p.graph.edges[at] {
		if e.object.Kind != Literal {
			continue
		}
		text := strings.TrimSpace(e.object.Value)
		var one *Box
		var ok bool
		switch e.object.Datatype {
		case geo + "wktLiteral":
			if strings.HasPrefix(text, "<") {
				r.note(p, s, dct+"spatial", "spatial-crs")
				bad = true
				continue
			}
			if !strings.Contains(strings.ToUpper(text), "POLYGON") {
				continue // a point is no coverage
			}
			one, ok = readWKT(text)
		case geo + "geoJSONLiteral", "https://www.iana.org/assignments/media-types/application/vnd.geo+json":
			if one, ok = readGeoJSON(text); ok && one == nil {
				continue
			}
		default:
			continue
		}
		switch {
		case !ok:
			r.note(p, s, dct+"spatial", "spatial", short(text))
			bad = true
		case misplaced(one):
			r.note(p, s, dct+"spatial", "spatial-order")
			bad = true
		default:
			box = union(box, one)
		}
	}
	return box, bad
}

// misplaced tells a box that is not on Earth, or that would be in metropolitan France with latitude and longitude the other way round.
func misplaced(b *Box) bool {
	return b.West < -180 || b.East > 180 || b.South < -90 || b.North > 90 || b.West >= 41 && b.East <= 51.5 && b.South >= -5.5 && b.North <= 10
}

func union(a, b *Box) *Box {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return &Box{min(a.West, b.West), min(a.South, b.South), max(a.East, b.East), max(a.North, b.North)}
}

// readWKT reads POLYGON and MULTIPOLYGON, and returns the box around them. Rings must be closed.
func readWKT(text string) (*Box, bool) {
	upper := strings.ToUpper(text)
	body, depth := "", 0
	if rest, ok := strings.CutPrefix(upper, "MULTIPOLYGON"); ok {
		body, depth = rest, 3
	} else if rest, ok := strings.CutPrefix(upper, "POLYGON"); ok {
		body, depth = rest, 2
	}
	var box *Box
	open, start := 0, 0
	for i := range len(body) {
		switch body[i] {
		case '(':
			open, start = open+1, i+1
			if open > depth {
				return nil, false
			}
		case ')':
			if open == depth {
				ring, ok := readRing(body[start:i])
				if !ok {
					return nil, false
				}
				box = union(box, ring)
			}
			open--
			if open < 0 {
				return nil, false
			}
		}
	}
	return box, open == 0 && box != nil
}

func readRing(text string) (*Box, bool) {
	points := strings.Split(text, ",")
	if len(points) < 4 || strings.Join(strings.Fields(points[0]), " ") != strings.Join(strings.Fields(points[len(points)-1]), " ") {
		return nil, false
	}
	var box *Box
	for _, p := range points {
		xy := strings.Fields(p)
		if len(xy) < 2 {
			return nil, false
		}
		x, err := strconv.ParseFloat(xy[0], 64)
		y, err2 := strconv.ParseFloat(xy[1], 64)
		if err != nil || err2 != nil {
			return nil, false
		}
		box = union(box, &Box{x, y, x, y})
	}
	return box, true
}

// readGeoJSON reads a geometry. A point is read as nothing.
func readGeoJSON(text string) (*Box, bool) {
	var geometry struct {
		Type        string          `json:"type"`
		Coordinates json.RawMessage `json:"coordinates"`
	}
	if json.Unmarshal([]byte(text), &geometry) != nil {
		return nil, false
	}
	var polygons [][][][]float64
	switch geometry.Type {
	case "Point", "MultiPoint", "LineString":
		return nil, true
	case "Polygon":
		polygons = make([][][][]float64, 1)
		if json.Unmarshal(geometry.Coordinates, &polygons[0]) != nil {
			return nil, false
		}
	case "MultiPolygon":
		if json.Unmarshal(geometry.Coordinates, &polygons) != nil {
			return nil, false
		}
	}
	var box *Box
	for _, polygon := range polygons {
		for _, ring := range polygon {
			for _, p := range ring {
				if len(p) < 2 {
					return nil, false
				}
				box = union(box, &Box{p[0], p[1], p[0], p[1]})
			}
		}
	}
	return box, box != nil
}

// contacts are those that data.gouv.fr keeps: a name, and an address to write to.
func (r *reader) contacts(p *page, s Term) (list []Contact) {
	g := p.graph
	all := g.Objects(s, dcat+"contactPoint")
	for _, at := range all {
		c := Contact{Role: "contact", Name: cmp.Or(text(g, at, vcard+"fn"), text(g, at, vcard+"organization-name")),
			Email: strings.TrimPrefix(cmp.Or(text(g, at, vcard+"hasEmail"), text(g, at, vcard+"email")), "mailto:"), URL: text(g, at, vcard+"hasURL")}
		if c.Name == "" || !strings.Contains(c.Email, "@") && !isWeb(c.URL) || strings.Contains(c.Name, "://") {
			r.note(p, s, dcat+"contactPoint", "contact")
			continue
		}
		list = append(list, c)
	}
	if len(all) == 0 {
		r.note(p, s, dcat+"contactPoint", "contact-none")
	}
	if name := text(g, first(g.Objects(s, dct+"publisher")), foaf+"name"); name != "" {
		list = append(list, Contact{Role: "publisher", Name: name})
	}
	return list
}

// dates reads issued and modified, of a dataset or a file.
func (r *reader) dates(p *page, s Term) (issued, modified string) {
	for _, property := range []string{dct + "issued", dct + "created", dct + "modified"} {
		for _, v := range p.graph.Objects(s, property) {
			at, ok := parseDate(v.Value)
			switch {
			case !ok || v.Kind != Literal:
				r.note(p, s, property, "date", short(v.Value))
				continue
			case !hasDatatype(v, "date dateTime"):
				r.note(p, s, property, "date-type", short(v.Value))
			}
			if property != dct+"modified" {
				issued = cmp.Or(issued, v.Value)
			} else if at.After(r.Now.Add(time.Minute)) {
				r.note(p, s, property, "date-future", short(v.Value))
			} else {
				modified = cmp.Or(modified, v.Value)
			}
		}
	}
	return issued, modified
}

var dateForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05", time.DateOnly, "2006-01-02Z07:00", "2006-01", "2006", "20060102",
	"2006/01/02", "02/01/2006", "2 January 2006", "January 2, 2006", "2 Jan 2006"}

// parseDate reads a date the way that data.gouv.fr's library does, which takes more than the standard.
func parseDate(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	for _, form := range dateForms {
		if t, err := time.Parse(form, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func isDate(text string) bool { _, ok := parseDate(text); return ok }

func (r *reader) landing(p *page, s Term, i *Item) {
	i.Landing = first(p.graph.Objects(s, dcat+"landingPage")).Value
	if i.Landing != "" && (!isWeb(i.Landing) || i.Landing == s.Value) {
		r.note(p, s, dcat+"landingPage", "landing-page", short(i.Landing))
		i.Landing = ""
	}
	if i.Landing == "" && s.Kind == IRI && isWeb(s.Value) {
		i.Landing = s.Value
	}
}

// schema is the schema of a file or a dataset: the first value counts.
func (r *reader) schema(p *page, s Term) *Link {
	all := p.graph.Objects(s, dct+"conformsTo")
	if len(all) == 0 {
		return nil
	}
	if len(all) > 1 {
		r.note(p, s, dct+"conformsTo", "conforms-to")
	}
	at := all[0]
	if at.Kind != IRI {
		r.note(p, s, dct+"conformsTo", "schema-node")
		return nil
	}
	known, ok := r.Schemas[at.Value]
	if !ok && r.Schemas != nil && strings.HasPrefix(at.Value, nationalAt) {
		r.note(p, s, dct+"conformsTo", "schema-url", short(at.Value))
	}
	return &Link{known, at.Value}
}

// files reads the distributions.
func (r *reader) files(p *page, s Term, i *Item) {
	all := append(p.graph.Objects(s, dcat+"distribution"), p.graph.Objects(s, dcat+"distributions")...)
	if len(all) == 0 {
		r.note(p, s, dcat+"distribution", "file-none")
	}
	seen := map[string]bool{}
	for _, at := range all {
		f, ok := r.file(p, at)
		if !ok {
			continue
		}
		if seen[f.URL] {
			r.note(p, at, dcat+"downloadURL", "file-url-unique", short(f.URL))
			continue
		}
		seen[f.URL] = true
		i.Files = append(i.Files, f)
	}
}

// file reads one distribution; ok is false when it is dropped.
func (r *reader) file(p *page, at Term) (f File, ok bool) {
	g := p.graph
	f.URL = cmp.Or(first(g.Objects(at, dcat+"downloadURL")).Value, first(g.Objects(at, dcat+"accessURL")).Value)
	if at.Kind == IRI {
		f.IRI = at.Value
	}
	_, f.Modified = r.dates(p, at)
	f.Schema = r.schema(p, at)
	r.sizes(p, at, &f)
	r.checksum(p, at)
	if len(g.Objects(at, dcat+"accessService")) > 0 {
		r.note(p, at, dcat+"accessService", "access-service")
	}
	if f.URL == "" {
		r.note(p, at, dcat+"downloadURL", "file-url-none")
		return f, false
	}
	if host, internal := internalHost(f.URL); !isWeb(f.URL) || internal && !r.local && host != "" {
		r.note(p, at, dcat+"downloadURL", "file-url", short(f.URL))
	} else if why := moving(f.URL); why != "" {
		r.note(p, at, dcat+"downloadURL", "file-url-moving", short(f.URL), why)
	}
	f.Format, f.MediaType = r.format(p, at)
	f.Description = text(g, at, dct+"description")
	f.Title = cmp.Or(titleOf(g, at), path.Base(f.URL), "ressource "+f.Format)
	return f, true
}

func (r *reader) sizes(p *page, at Term, f *File) {
	for _, v := range p.graph.Objects(at, dcat+"byteSize") {
		digits, zeros, _ := strings.Cut(v.Value, ".")
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || strings.Trim(zeros, "0") != "" {
			r.note(p, at, dcat+"byteSize", "byte-size", short(v.Value))
			continue
		}
		f.Bytes = n
	}
}

func (r *reader) checksum(p *page, at Term) {
	for _, sum := range p.graph.Objects(at, spdx+"checksum") {
		values := p.graph.Objects(sum, spdx+"checksumValue")
		hexadecimal := slices.ContainsFunc(values, func(v Term) bool { return v.Datatype == xsd+"hexBinary" })
		if hexadecimal || len(p.graph.Objects(sum, spdx+"algorithm")) == 0 {
			r.note(p, at, spdx+"checksum", "checksum")
		} else {
			r.note(p, at, spdx+"checksum", "checksum-plain")
		}
	}
}

// format reads dct:format and dcat:mediaType.
func (r *reader) format(p *page, at Term) (format, mediaType string) {
	g := p.graph
	f := first(g.Objects(at, dct+"format"))
	switch code, ok := strings.CutPrefix(f.Value, authority+"file-type/"); {
	case ok:
		format = strings.ToLower(code)
	case f.Kind == Literal:
		format = strings.ToLower(f.Value)
	case f.Kind == IRI:
		format = path.Base(f.Value)
	case f.Kind == Blank:
		format = strings.ToLower(text(g, f, rdfs+"label"))
	}
	for _, m := range g.Objects(at, dcat+"mediaType") {
		short, ok := strings.CutPrefix(m.Value, iana)
		if !ok && m.Kind == IRI {
			r.note(p, at, dcat+"mediaType", "media-type", m.Value)
		}
		mediaType = cmp.Or(mediaType, short)
	}
	return format, mediaType
}

// licence looks for a licence that data.gouv.fr knows: of the dataset, then of its files, whose first known one counts.
func (r *reader) licence(p *page, s Term, i *Item) {
	type candidate struct{ of, at Term }
	var all []candidate
	gather := func(of Term, properties ...string) {
		for _, property := range properties {
			for _, at := range p.graph.Objects(of, property) {
				all = append(all, candidate{of, at})
			}
		}
	}
	gather(s, dct+"license", dct+"rights")
	for _, d := range p.graph.Objects(s, dcat+"distribution") {
		gather(d, dct+"license")
	}
	if len(all) == 0 {
		r.note(p, s, dct+"license", "licence-none")
	}
	for _, c := range all {
		value := c.at.Value
		if name := cmp.Or(text(p.graph, c.at, rdfs+"label"), text(p.graph, c.at, dct+"description"), text(p.graph, c.at, dct+"title")); c.at.Kind != Literal && name != "" {
			r.note(p, c.of, dct+"license", "licence-label", short(name))
			value = name
		}
		if c.at.Kind == Blank && value == c.at.Value {
			value = ""
		}
		l, ok := licenceOf(value)
		if !ok {
			r.note(p, c.of, dct+"license", "licence", short(value))
		} else if i.Licence == "" {
			i.Licence, i.LicenceName = l.id, l.title
		}
	}
}

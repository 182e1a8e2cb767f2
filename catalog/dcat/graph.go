package dcat

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"
)

// Vocabularies.
const (
	authority  = "http://publications.europa.eu/resource/authority/"
	mediaTypes = "https://www.iana.org/assignments/media-types/" // with https: the other form is stored whole by data.gouv.fr
	french     = authority + "language/FRA"
	hvdAct     = "http://data.europa.eu/eli/reg_impl/2023/138/oj"
)

// euLicences are the EU codes of the licences, by ours.
var euLicences = map[string]string{"lov2": authority + "licence/ETALAB_2_0", "odbl": authority + "licence/ODC_BL"}

// A node is one subject with its properties, in the order they are written. A blank node has no IRI.
type node struct {
	iri   string
	types []string
	props []prop
}

type prop struct {
	name    string // prefixed: "dct:title"
	objects []object
}

// An object is an IRI, a literal or a blank node, whichever is set.
type object struct {
	iri      string
	text     string
	lang     string // of text
	datatype string // of text, prefixed
	blank    *node
}

func iri(v string) object             { return object{iri: v} }
func fr(v string) object              { return object{text: v, lang: "fr"} }
func plain(v string) object           { return object{text: v} }
func typed(v, datatype string) object { return object{text: v, datatype: datatype} }
func moment(t time.Time) object {
	return typed(t.UTC().Truncate(time.Second).Format("2006-01-02T15:04:05Z"), "xsd:dateTime")
}

// add gives the node a property; without objects, or with only empty ones, it gives nothing.
func (n *node) add(name string, objects ...object) {
	objects = slices.DeleteFunc(objects, func(o object) bool { return o == object{} || o.text == "" && o.iri == "" && o.blank == nil })
	if len(objects) > 0 {
		n.props = append(n.props, prop{name, objects})
	}
}

// A builder gathers the nodes of a page; a node that several others refer to is written once.
type builder struct {
	c     Catalogue
	nodes []node
	seen  map[string]bool
}

// page lists the nodes of a catalogue page.
func page(c Catalogue, ds []catalog.Dataset) []node {
	b := &builder{c: c, seen: map[string]bool{}}
	b.catalogue(ds)
	b.view()
	for i := range ds {
		b.dataset(&ds[i], false)
	}
	return b.nodes
}

// document lists the nodes of one dataset's own document.
func document(c Catalogue, d catalog.Dataset) []node {
	b := &builder{c: c, seen: map[string]bool{}}
	b.dataset(&d, true)
	return b.nodes
}

// once adds a node that others refer to, the first time, and returns the reference.
func (b *builder) once(id string, fill func(n *node), types ...string) object {
	if id == "" {
		return object{}
	}
	if !b.seen[id] {
		b.seen[id] = true
		n := node{iri: id, types: types}
		fill(&n)
		b.nodes = append(b.nodes, n)
	}
	return iri(id)
}

func nothing(*node) {}

// catalogue is the dcat:Catalog (CONTRACT section 5.1): data.gouv.fr ignores it, Europe does not.
func (b *builder) catalogue(ds []catalog.Dataset) {
	c, n := b.c, node{iri: b.c.Base + b.c.IRI, types: []string{"dcat:Catalog", "hydra:Collection"}}
	n.add("dct:title", fr(c.Title))
	n.add("dct:description", fr(c.Description))
	n.add("dct:publisher", b.agent(c.Publisher))
	n.add("dct:language", iri(french))
	n.add("dct:license", b.licence("lov2"))
	n.add("foaf:homepage", b.once(c.Homepage, nothing, "foaf:Document"))
	if !c.Modified.IsZero() {
		n.add("dct:modified", moment(c.Modified))
	}
	n.add("dct:spatial", b.place(c.Publisher))
	n.add("dcat:themeTaxonomy", iri(authority+"data-theme"))
	n.add("hydra:totalItems", typed(strconv.Itoa(c.Total), "xsd:integer"))
	n.add("hydra:view", iri(c.address(c.Page)))
	var sets []object
	for i := range ds {
		sets = append(sets, iri(b.datasetIRI(&ds[i])))
	}
	n.add("dcat:dataset", sets...)
	b.nodes = append([]node{n}, b.nodes...)
}

// address is the address of page n.
func (c Catalogue) address(n int) string {
	if n <= 1 {
		return c.Base + c.Path + ".ttl"
	}
	return fmt.Sprintf("%s%s/%d.ttl", c.Base, c.Path, n)
}

// view is the one hydra:PartialCollectionView of the page; the last page has no next (CONTRACT section 3).
func (b *builder) view() {
	c := b.c
	n := node{iri: c.address(c.Page), types: []string{"hydra:PartialCollectionView"}}
	n.add("hydra:first", iri(c.address(1)))
	if c.Page > 1 {
		n.add("hydra:previous", iri(c.address(c.Page-1)))
	}
	if c.Page < c.Pages {
		n.add("hydra:next", iri(c.address(c.Page+1)))
	}
	n.add("hydra:last", iri(c.address(max(c.Pages, 1))))
	b.nodes = append(b.nodes, n)
}

func (b *builder) datasetIRI(d *catalog.Dataset) string { return b.c.Base + "/id/jeu/" + d.ID.String() }

// dataset is the dcat:Dataset (CONTRACT section 5.2) and its files.
func (b *builder) dataset(d *catalog.Dataset, checksums bool) {
	id := b.datasetIRI(d)
	n := node{iri: id, types: []string{"dcat:Dataset"}}
	n.add("dct:identifier", plain(id))
	n.add("dct:title", fr(d.Title))
	n.add("dct:description", fr(cmp.Or(d.Description, d.Title)))
	n.add("dcat:keyword", keywords(d.Keywords)...)
	n.add("dcat:theme", b.themes(d)...)
	n.add("dct:publisher", b.agent(d.Member))
	n.add("dct:language", iri(french))
	if d.Frequency != "" {
		n.add("dct:accrualPeriodicity", iri(authority+"frequency/"+d.Frequency))
	}
	n.add("dct:accessRights", iri(authority+"access-right/PUBLIC"))
	n.add("dct:issued", moment(d.Issued))
	n.add("dct:modified", moment(d.Modified))
	n.add("dct:temporal", period(d))
	n.add("dct:spatial", b.place(d.Member), box(d.Member.BBox))
	n.add("dcat:contactPoint", b.contact(d.Member))
	n.add("dcat:landingPage", b.once(b.c.Base+"/jeux/"+d.Slug, nothing, "foaf:Document"))
	if d.HVD != "" {
		n.add("dcatap:hvdCategory", iri(hvdIRI(d.HVD)))
		n.add("dcatap:applicableLegislation", iri(hvdAct))
	}
	var files []object
	for i := range d.Files {
		files = append(files, iri(b.fileIRI(&d.Files[i])))
	}
	n.add("dcat:distribution", files...)
	b.nodes = append(b.nodes, n)
	for i := range d.Files {
		b.file(d, &d.Files[i], checksums)
	}
}

func keywords(words []string) (objects []object) {
	for _, w := range words {
		objects = append(objects, fr(w))
	}
	return objects
}

// themes are EU themes without label, and the HVD category once more: data.gouv.fr reads it only here.
func (b *builder) themes(d *catalog.Dataset) (objects []object) {
	for _, t := range d.Themes {
		objects = append(objects, iri(authority+"data-theme/"+t))
	}
	if d.HVD != "" {
		objects = append(objects, iri(hvdIRI(d.HVD)))
	}
	return objects
}

func hvdIRI(code string) string { return "http://data.europa.eu/bna/" + code }

// period is a blank dct:PeriodOfTime with xsd:date ends only: anything else makes data.gouv.fr refuse the dataset.
func period(d *catalog.Dataset) object {
	n := &node{types: []string{"dct:PeriodOfTime"}}
	if isDay(d.TemporalFrom) {
		n.add("dcat:startDate", typed(d.TemporalFrom, "xsd:date"))
	}
	if isDay(d.TemporalTo) {
		n.add("dcat:endDate", typed(d.TemporalTo, "xsd:date"))
	}
	if len(n.props) == 0 {
		return object{}
	}
	return object{blank: n}
}

func isDay(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }

// place is the INSEE IRI of a commune or a département; other bodies have none.
func (b *builder) place(m catalog.Member) object {
	if m.Kind != catalog.Commune || len(m.INSEE) != 5 {
		return object{}
	}
	return b.once("http://id.insee.fr/geo/commune/"+m.INSEE, nothing, "dct:Location")
}

// box is the polygon that data.gouv.fr reads the coverage from: longitude first, closed ring, no CRS prefix.
func box(r *catalog.BBox) object {
	if r == nil {
		return object{}
	}
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	w, s, e, n := f(r.West), f(r.South), f(r.East), f(r.North)
	at := &node{types: []string{"dct:Location"}}
	at.add("dcat:bbox", typed(fmt.Sprintf("POLYGON((%s %s,%s %s,%s %s,%s %s,%s %s))", w, s, e, s, e, n, w, n, w, s), "geo:wktLiteral"))
	at.add("dcat:centroid", typed("POINT("+strconv.FormatFloat((r.West+r.East)/2, 'f', 5, 64)+" "+strconv.FormatFloat((r.South+r.North)/2, 'f', 5, 64)+")", "geo:wktLiteral"))
	return object{blank: at}
}

// agent is a member as foaf:Agent; an operator whose SIREN is not configured still needs an IRI that is one.
func (b *builder) agent(m catalog.Member) object {
	return b.once(b.c.Base+"/id/organisme/"+cmp.Or(m.SIREN, "operateur"), func(n *node) {
		n.add("foaf:name", fr(m.Name))
		n.add("dct:type", iri("http://purl.org/adms/publishertype/LocalAuthority"))
	}, "foaf:Agent")
}

// contact is the role mailbox, or the site, of a member: without either data.gouv.fr drops the node, so there is none.
func (b *builder) contact(m catalog.Member) object {
	if m.Email == "" && m.Website == "" {
		return object{}
	}
	return b.once(b.c.Base+"/id/contact/"+m.SIREN, func(n *node) {
		n.add("vcard:fn", fr(m.Name))
		if m.Email != "" {
			n.add("vcard:hasEmail", iri("mailto:"+m.Email))
		} else {
			n.add("vcard:hasURL", iri(m.Website))
		}
	}, "vcard:Kind", "vcard:Organization")
}

// licence never has a label: a label replaces the address in data.gouv.fr's matching.
func (b *builder) licence(code string) object {
	eu, ok := euLicences[code]
	if !ok {
		eu = euLicences["lov2"]
	}
	return b.once(catalog.LicenseURL(code), func(n *node) { n.add("skos:exactMatch", iri(eu)) }, "dct:LicenseDocument")
}

func (b *builder) fileIRI(f *catalog.File) string { return b.c.Base + "/id/fichier/" + f.ID.String() }

// file is the dcat:Distribution (CONTRACT section 5.3). Its download address is its identity at data.gouv.fr: it never holds a version.
func (b *builder) file(d *catalog.Dataset, f *catalog.File, checksums bool) {
	format := b.c.Formats[f.Format]
	n := node{iri: b.fileIRI(f), types: []string{"dcat:Distribution"}}
	n.add("dct:identifier", plain(f.ID.String()))
	n.add("dct:title", fr(f.Title))
	n.add("dct:description", fr(describe(d, f, format)))
	n.add("dcat:accessURL", iri(b.c.Base+"/jeux/"+d.Slug))
	n.add("dcat:downloadURL", iri(b.c.Base+"/f/"+f.ID.String()+"/"+f.Name))
	n.add("dct:license", b.licence(d.License))
	if format.FileType != "" {
		n.add("dct:format", iri(authority+"file-type/"+format.FileType))
	} else {
		label := &node{types: []string{"dct:MediaTypeOrExtent"}}
		label.add("rdfs:label", plain(f.Format))
		n.add("dct:format", object{blank: label})
	}
	if format.MediaType != "" {
		n.add("dcat:mediaType", iri(mediaTypes+format.MediaType))
	}
	n.add("dcat:byteSize", typed(strconv.FormatInt(f.Bytes, 10), "xsd:nonNegativeInteger"))
	n.add("dcatap:availability", iri(authority+"planned-availability/STABLE"))
	n.add("dct:issued", moment(d.Issued))
	n.add("dct:modified", moment(f.Modified))
	n.add("dct:language", iri(french))
	n.add("dct:conformsTo", b.once(d.SchemaURL, nothing, "dct:Standard"))
	if d.HVD != "" {
		n.add("dcatap:applicableLegislation", iri(hvdAct))
	}
	if checksums && f.SHA256 != "" {
		sum := &node{types: []string{"spdx:Checksum"}}
		sum.add("spdx:algorithm", iri("http://spdx.org/rdf/terms#checksumAlgorithm_sha256"))
		sum.add("spdx:checksumValue", typed(f.SHA256, "xsd:hexBinary"))
		n.add("spdx:checksum", object{blank: sum})
	}
	b.nodes = append(b.nodes, n)
}

func describe(d *catalog.Dataset, f *catalog.File, format Format) string {
	s := strconv.FormatInt(f.Rows, 10) + " lignes au format " + cmp.Or(format.Title, f.Format)
	if d.SchemaName != "" {
		s += ", vérifiées avec le schéma national " + d.SchemaName + " " + d.SchemaVersion
	}
	return strings.TrimSpace(s) + "."
}

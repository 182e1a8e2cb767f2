package dcat

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"grenier/catalog"
)

// writerVersion grows whenever Describe would say something else of the same dataset, or pack it in another way.
const writerVersion = 1

// A builder gathers the nodes of one document.
type builder struct {
	site  *Site
	nodes []node
}

// shared adds a node that several datasets may describe in the same words.
func (b *builder) shared(r ref, fill func(n *node), types ...class) ref {
	n := node{ref: r, shared: true, types: types}
	if fill != nil {
		fill(&n)
	}
	b.nodes = append(b.nodes, n)
	return r
}

func datasetRef(id fmt.Stringer) ref { return in(here, "/id/jeu/"+id.String()) }

// dataset is the dcat:Dataset (CONTRACT section 5.2) and its files.
func (b *builder) dataset(d *catalog.Dataset, checksums bool) {
	at := len(b.nodes)
	b.nodes = append(b.nodes, node{})
	n := node{ref: datasetRef(d.ID), types: []class{dataset}}
	n.say(identifier, b.site.Base+n.ref.rest)
	n.say(title, d.Title)
	n.say(description, longEnough(d))
	n.say(keyword, d.Keywords...)
	n.link(theme, themes(d)...)
	n.link(publisher, b.agent(&d.Member))
	n.link(language, in(authority, "language/FRA"))
	if d.Frequency != "" {
		n.link(accrualPeriodicity, in(authority, "frequency/"+d.Frequency))
	}
	n.link(accessRights, in(authority, "access-right/PUBLIC"))
	n.date(issued, d.Issued)
	n.date(modified, d.Modified)
	n.add(temporal, period(d))
	n.add(spatial, object{ref: b.place(&d.Member)}, b.coverage(&d.Member))
	n.link(contactPoint, b.contact(&d.Member))
	n.link(landingPage, in(here, "/jeux/"+d.Slug))
	if d.HVD != "" {
		n.link(hvdCategory, in(hvdCodes, d.HVD))
		n.link(applicableLegislation, address(hvdAct))
	}
	files := make([]ref, len(d.Files))
	for i := range d.Files {
		files[i] = fileRef(&d.Files[i])
	}
	n.link(distribution, files...)
	b.nodes[at] = n
	b.nodes = append(b.nodes, node{ref: in(here, "/jeux/"+d.Slug), types: []class{document}})
	for i := range d.Files {
		b.file(d, &d.Files[i], checksums)
	}
}

// tag is what data.gouv.fr takes for HTML, and drops.
var tag = regexp.MustCompile(`<([a-zA-Z/!][^<>]*>)`)

// shortDescription is the length under which data.gouv.fr lowers the quality score.
const shortDescription = 100

// longEnough is the description; a short one also says what the dataset is made of. What looks like a tag is taken apart.
func longEnough(d *catalog.Dataset) string {
	text := cmp.Or(d.Description, d.Title)
	if utf8.RuneCountInString(text) <= shortDescription {
		text += "\n\nDonnées publiées par " + d.Member.Name + " : un fichier entier à chaque mise à jour, dans plusieurs formats ouverts, avec l’historique de ses versions."
	}
	return tag.ReplaceAllString(text, "< $1")
}

// themes are EU themes without label, and the HVD category once more: data.gouv.fr reads it only here.
func themes(d *catalog.Dataset) (refs []ref) {
	for _, t := range d.Themes {
		refs = append(refs, in(authority, "data-theme/"+t))
	}
	if d.HVD != "" {
		refs = append(refs, in(hvdCodes, d.HVD))
	}
	return refs
}

// period is a blank dct:PeriodOfTime with xsd:date ends only: anything else makes data.gouv.fr refuse the dataset.
func period(d *catalog.Dataset) object {
	n := &node{types: []class{periodOfTime}}
	if isDay(d.TemporalFrom) {
		n.say(startDate, d.TemporalFrom)
	}
	if isDay(d.TemporalTo) {
		n.say(endDate, d.TemporalTo)
	}
	return blank(n)
}

func isDay(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }

// place is the INSEE IRI of a commune or a département; other bodies have none that their SIREN leads to.
func (b *builder) place(m *catalog.Member) ref {
	code := placeCode(m)
	if code == "" {
		return ref{}
	}
	return b.shared(in(inseeCodes, code), nil, location)
}

// coverage is the polygon that data.gouv.fr reads the coverage from (the outline, or else the box), and the middle of it.
func (b *builder) coverage(m *catalog.Member) object {
	shape, middle := b.site.Outlines.coverage(m)
	n := &node{types: []class{location}}
	n.say(bbox, shape)
	n.say(centroid, middle)
	return blank(n)
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// boxWKT has longitude first, a closed ring, no prefix of a reference system.
func boxWKT(r *catalog.BBox) string {
	w, s, e, n := number(r.West), number(r.South), number(r.East), number(r.North)
	return "POLYGON((" + w + " " + s + "," + e + " " + s + "," + e + " " + n + "," + w + " " + n + "," + w + " " + s + "))"
}

func middleOf(r *catalog.BBox) string {
	return "POINT(" + strconv.FormatFloat((r.West+r.East)/2, 'f', 5, 64) + " " + strconv.FormatFloat((r.South+r.North)/2, 'f', 5, 64) + ")"
}

// agent is a member as foaf:Agent; an operator whose SIREN is not configured still needs an IRI that is one.
func (b *builder) agent(m *catalog.Member) ref {
	return b.shared(in(here, "/id/organisme/"+cmp.Or(m.SIREN, "operateur")), func(n *node) {
		n.say(foafName, m.Name)
		n.link(typeOf, address(localAuthority))
	}, agent)
}

// contact is the role mailbox, or the site, of a member: without either data.gouv.fr drops the node, so there is none.
func (b *builder) contact(m *catalog.Member) ref {
	reach, p := outside(m.Website), hasURL
	if strings.Contains(m.Email, "@") {
		reach, p = address("mailto:"+m.Email), hasEmail
	}
	if reach == (ref{}) {
		return ref{}
	}
	return b.shared(in(here, "/id/contact/"+cmp.Or(m.SIREN, "operateur")), func(n *node) {
		n.say(vcardName, m.Name)
		n.link(p, reach)
	}, vcardKind, vcardOrganization)
}

// licence never has a label: a label replaces the address in data.gouv.fr's matching.
func (b *builder) licence(code string) ref {
	eu := cmp.Or(euLicences[code], euLicences["lov2"])
	return b.shared(address(catalog.LicenseURL(code)), func(n *node) { n.link(exactMatch, in(authority, eu)) }, licenseDocument)
}

func fileRef(f *catalog.File) ref { return in(here, "/id/fichier/"+f.ID.String()) }

// file is the dcat:Distribution (CONTRACT section 5.3). Its download address is its identity at data.gouv.fr: it never holds a version.
func (b *builder) file(d *catalog.Dataset, f *catalog.File, checksums bool) {
	format := b.site.Formats[f.Format]
	n := node{ref: fileRef(f), types: []class{distributionNode}}
	n.say(identifier, f.ID.String())
	n.say(title, f.Title)
	n.say(description, describe(d, f, format))
	n.link(accessURL, in(here, "/jeux/"+d.Slug))
	n.link(downloadURL, in(here, "/f/"+f.ID.String()+"/"+f.Name))
	n.link(license, b.licence(d.License))
	if format.FileType != "" {
		n.link(formatOf, in(authority, "file-type/"+format.FileType))
	} else {
		other := &node{types: []class{mediaTypeOrExtent}}
		other.say(label, f.Format)
		n.add(formatOf, blank(other))
	}
	if format.MediaType != "" {
		n.link(mediaType, in(mediaTypes, format.MediaType))
	}
	n.say(byteSize, strconv.FormatInt(f.Bytes, 10))
	n.link(availability, in(authority, "planned-availability/STABLE"))
	n.date(issued, d.Issued)
	n.date(modified, f.Modified)
	n.link(language, in(authority, "language/FRA"))
	if schema := outside(d.SchemaURL); schema != (ref{}) {
		n.link(conformsTo, b.shared(schema, nil, standard))
	}
	if d.HVD != "" {
		n.link(applicableLegislation, address(hvdAct))
	}
	if checksums && f.SHA256 != "" {
		sum := &node{types: []class{checksumNode}}
		sum.link(algorithm, address(sha256Code))
		sum.say(checksumValue, f.SHA256)
		n.add(checksum, blank(sum))
	}
	b.nodes = append(b.nodes, n)
}

func describe(d *catalog.Dataset, f *catalog.File, format Format) string {
	s := strconv.FormatInt(f.Rows, 10) + " lignes au format " + cmp.Or(format.Title, f.Format)
	if d.SchemaName != "" {
		s += ", vérifiées avec le schéma national " + d.SchemaName + " " + d.SchemaVersion
	}
	return s + "."
}

// Describe makes the description of a dataset for catalogues. A withdrawn dataset is an error of the caller.
func (s *Site) Describe(d catalog.Dataset) Description {
	b := &builder{site: s}
	b.dataset(&d, false)
	var packed []byte
	seen := map[ref]bool{}
	for i := range b.nodes {
		if n := &b.nodes[i]; !n.shared || !seen[n.ref] {
			seen[n.ref] = true
			packed = packNode(packed, n)
		}
	}
	return Description{Dataset: d.ID, Schema: d.SchemaName, Series: d.IsSeries(), HVD: d.HVD, nodes: string(packed)}
}

// A stamper says what descriptions were made of.
type stamper struct {
	site    *Site
	formats string
	members map[stamped][]byte
}

// stamped is what a member is known by: the box that is said of it may not be its own.
type stamped struct {
	siren string
	box   *catalog.BBox
}

// stamp tells two descriptions of a dataset apart: it changes with the version and the modification date of the dataset, with what is said of its
// member, with the formats and outlines, the public address, and with this package.
func (s *stamper) stamp(m *catalog.Member, version int, modified time.Time) string {
	key := stamped{m.SIREN, m.BBox}
	b, ok := s.members[key]
	if !ok {
		b = s.member(m)
		s.members[key] = b
	}
	b = binary.BigEndian.AppendUint64(b[:len(b):len(b)], uint64(version))
	b = binary.BigEndian.AppendUint64(b, uint64(modified.UnixMicro()))
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

// member is the digest of what a description takes from elsewhere than the dataset.
func (s *stamper) member(m *catalog.Member) []byte {
	if s.formats == "" {
		s.formats = fmt.Sprintf("%q", s.site.Formats) // a map prints in the order of its keys
	}
	shape, _ := s.site.Outlines.coverage(m)
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\n%s\n%s\n%q\n%q", writerVersion, s.site.Base, s.formats, []string{m.SIREN, m.Name, string(m.Kind), m.INSEE, m.Email, m.Website}, shape))
	return sum[:]
}

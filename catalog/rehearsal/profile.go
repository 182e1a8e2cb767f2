package rehearsal

import "strings"

// A constraint is what DCAT-AP 3.0.1 asks of one property of one class.
type constraint struct {
	class, property string
	min, max        int    // max 0 is no limit
	kind            string // "node", "text", or "" for both
	value           string // class that the object must have, on the page or by being a code of the list
	datatypes       string // of a text, prefixed, separated by spaces; "" is any
	list            string // EU list that the object must come from
}

// profile is DCAT-AP 3.0.1, as far as a catalogue of datasets, files and one API can break it. A test holds it against the published shapes.
var profile = []constraint{
	{class: dcat + "Catalog", property: dct + "title", min: 1, kind: "text"},
	{class: dcat + "Catalog", property: dct + "description", min: 1, kind: "text"},
	{class: dcat + "Catalog", property: dct + "publisher", min: 1, max: 1, kind: "node", value: foaf + "Agent"},
	{class: dcat + "Catalog", property: dct + "creator", max: 1, kind: "node", value: foaf + "Agent"},
	{class: dcat + "Catalog", property: dct + "language", kind: "node", list: "language"},
	{class: dcat + "Catalog", property: dct + "license", max: 1, kind: "node", value: dct + "LicenseDocument"},
	{class: dcat + "Catalog", property: foaf + "homepage", max: 1, kind: "node", value: foaf + "Document"},
	{class: dcat + "Catalog", property: dct + "issued", max: 1, kind: "text", datatypes: anyDate},
	{class: dcat + "Catalog", property: dct + "modified", max: 1, kind: "text", datatypes: anyDate},
	{class: dcat + "Catalog", property: dct + "spatial", kind: "node", value: dct + "Location"},
	{class: dcat + "Catalog", property: dct + "temporal", kind: "node", value: dct + "PeriodOfTime"},
	{class: dcat + "Catalog", property: dcat + "themeTaxonomy", kind: "node"},
	{class: dcat + "Catalog", property: dcat + "dataset", kind: "node", value: dcat + "Dataset"},
	{class: dcat + "Catalog", property: dcat + "service", kind: "node", value: dcat + "DataService"},
	{class: dcat + "Catalog", property: dcat + "catalog", kind: "node", value: dcat + "Catalog"},

	{class: dcat + "Dataset", property: dct + "title", min: 1, kind: "text"},
	{class: dcat + "Dataset", property: dct + "description", min: 1, kind: "text"},
	{class: dcat + "Dataset", property: dct + "identifier", kind: "text"},
	{class: dcat + "Dataset", property: dcat + "keyword", kind: "text"},
	{class: dcat + "Dataset", property: dcat + "theme", kind: "node", list: "data-theme"},
	{class: dcat + "Dataset", property: dct + "accrualPeriodicity", max: 1, kind: "node", list: "frequency"},
	{class: dcat + "Dataset", property: dct + "accessRights", max: 1, kind: "node", list: "access-right"},
	{class: dcat + "Dataset", property: dct + "publisher", max: 1, kind: "node", value: foaf + "Agent"},
	{class: dcat + "Dataset", property: dct + "creator", kind: "node", value: foaf + "Agent"},
	{class: dcat + "Dataset", property: dct + "language", kind: "node", list: "language"},
	{class: dcat + "Dataset", property: dct + "issued", max: 1, kind: "text", datatypes: anyDate},
	{class: dcat + "Dataset", property: dct + "modified", max: 1, kind: "text", datatypes: anyDate},
	{class: dcat + "Dataset", property: dct + "temporal", kind: "node", value: dct + "PeriodOfTime"},
	{class: dcat + "Dataset", property: dct + "spatial", kind: "node", value: dct + "Location"},
	{class: dcat + "Dataset", property: dcat + "contactPoint", kind: "node", value: vcard + "Kind"},
	{class: dcat + "Dataset", property: dcat + "landingPage", kind: "node", value: foaf + "Document"},
	{class: dcat + "Dataset", property: foaf + "page", kind: "node", value: foaf + "Document"},
	{class: dcat + "Dataset", property: dct + "conformsTo", kind: "node", value: dct + "Standard"},
	{class: dcat + "Dataset", property: dct + "provenance", kind: "node", value: dct + "ProvenanceStatement"},
	{class: dcat + "Dataset", property: dcat + "distribution", kind: "node", value: dcat + "Distribution"},
	{class: dcat + "Dataset", property: dcat + "inSeries", kind: "node", value: dcat + "DatasetSeries"},
	{class: dcat + "Dataset", property: dcat + "version", max: 1, kind: "text"},
	{class: dcat + "Dataset", property: dcat + "temporalResolution", max: 1, kind: "text", datatypes: "duration"},
	{class: dcat + "Dataset", property: dcatap + "hvdCategory", kind: "node", list: "hvd-category"},

	{class: dcat + "DatasetSeries", property: dct + "title", min: 1, kind: "text"},
	{class: dcat + "DatasetSeries", property: dct + "description", min: 1, kind: "text"},
	{class: dcat + "DatasetSeries", property: dct + "publisher", max: 1, kind: "node", value: foaf + "Agent"},
	{class: dcat + "DatasetSeries", property: dct + "accrualPeriodicity", max: 1, kind: "node", list: "frequency"},
	{class: dcat + "DatasetSeries", property: dct + "issued", max: 1, kind: "text", datatypes: anyDate},
	{class: dcat + "DatasetSeries", property: dct + "modified", max: 1, kind: "text", datatypes: anyDate},
	{class: dcat + "DatasetSeries", property: dcat + "contactPoint", kind: "node", value: vcard + "Kind"},

	{class: dcat + "Distribution", property: dcat + "accessURL", min: 1, kind: "node"},
	{class: dcat + "Distribution", property: dcat + "downloadURL", kind: "node"},
	{class: dcat + "Distribution", property: dct + "title", kind: "text"},
	{class: dcat + "Distribution", property: dct + "description", kind: "text"},
	{class: dcat + "Distribution", property: dct + "format", max: 1, kind: "node", value: dct + "MediaTypeOrExtent", list: "file-type"},
	{class: dcat + "Distribution", property: dcat + "mediaType", max: 1, kind: "node", value: dct + "MediaType"},
	{class: dcat + "Distribution", property: dcat + "compressFormat", max: 1, kind: "node", value: dct + "MediaType"},
	{class: dcat + "Distribution", property: dcat + "packageFormat", max: 1, kind: "node", value: dct + "MediaType"},
	{class: dcat + "Distribution", property: dcat + "byteSize", max: 1, kind: "text", datatypes: "nonNegativeInteger"},
	{class: dcat + "Distribution", property: spdx + "checksum", max: 1, kind: "node", value: spdx + "Checksum"},
	{class: dcat + "Distribution", property: dct + "license", max: 1, kind: "node", value: dct + "LicenseDocument"},
	{class: dcat + "Distribution", property: dct + "rights", max: 1, kind: "node", value: dct + "RightsStatement"},
	{class: dcat + "Distribution", property: dct + "conformsTo", kind: "node", value: dct + "Standard"},
	{class: dcat + "Distribution", property: dct + "issued", max: 1, kind: "text", datatypes: anyDate},
	{class: dcat + "Distribution", property: dct + "modified", max: 1, kind: "text", datatypes: anyDate},
	{class: dcat + "Distribution", property: dcatap + "availability", max: 1, kind: "node", list: "planned-availability"},
	{class: dcat + "Distribution", property: dct + "language", kind: "node", list: "language"},
	{class: dcat + "Distribution", property: foaf + "page", kind: "node", value: foaf + "Document"},
	{class: dcat + "Distribution", property: dcat + "accessService", kind: "node", value: dcat + "DataService"},

	{class: dcat + "DataService", property: dct + "title", min: 1, kind: "text"},
	{class: dcat + "DataService", property: dct + "description", kind: "text"},
	{class: dcat + "DataService", property: dcat + "endpointURL", min: 1, kind: "node"},
	{class: dcat + "DataService", property: dcat + "endpointDescription", kind: "node"},
	{class: dcat + "DataService", property: dcat + "servesDataset", kind: "node", value: dcat + "Dataset"},
	{class: dcat + "DataService", property: dcat + "keyword", kind: "text"},
	{class: dcat + "DataService", property: dct + "publisher", max: 1, kind: "node", value: foaf + "Agent"},
	{class: dcat + "DataService", property: dct + "license", max: 1, kind: "node", value: dct + "LicenseDocument"},
	{class: dcat + "DataService", property: dct + "accessRights", max: 1, kind: "node", list: "access-right"},
	{class: dcat + "DataService", property: dcat + "contactPoint", kind: "node", value: vcard + "Kind"},
	{class: dcat + "DataService", property: dcat + "landingPage", kind: "node", value: foaf + "Document"},
	{class: dcat + "DataService", property: foaf + "page", kind: "node", value: foaf + "Document"},
	{class: dcat + "DataService", property: dct + "conformsTo", kind: "node", value: dct + "Standard"},
	{class: dcat + "DataService", property: dcatap + "hvdCategory", kind: "node", list: "hvd-category"},

	{class: foaf + "Agent", property: foaf + "name", min: 1, kind: "text"},
	{class: foaf + "Agent", property: dct + "type", max: 1, kind: "node"},
	{class: dct + "PeriodOfTime", property: dcat + "startDate", max: 1, kind: "text", datatypes: anyDate},
	{class: dct + "PeriodOfTime", property: dcat + "endDate", max: 1, kind: "text", datatypes: anyDate},
	{class: dct + "Location", property: dcat + "bbox", max: 1, kind: "text"},
	{class: dct + "Location", property: dcat + "centroid", max: 1, kind: "text"},
	{class: spdx + "Checksum", property: spdx + "algorithm", min: 1, max: 1, kind: "node"},
	{class: spdx + "Checksum", property: spdx + "checksumValue", min: 1, max: 1, kind: "text", datatypes: "hexBinary"},
}

const anyDate = "date dateTime gYear gYearMonth"

// listed are the codes of the EU lists that a catalogue draws from, without those of file types that no portal of data sees.
var listed = map[string]map[string]bool{
	"access-right":         set("CONFIDENTIAL NON_PUBLIC NORMAL PUBLIC RESTRICTED SENSITIVE"),
	"data-theme":           set("AGRI ECON EDUC ENER ENVI GOVE HEAL INTR JUST REGI SOCI TECH TRAN"),
	"planned-availability": set("AVAILABLE EXPERIMENTAL STABLE TEMPORARY"),
	"language":             nil, // three letters: some hundreds
	"file-type": set(`7Z ATOM BMP BZIP2 CSV DBF DOC DOCX DWG DXF ECW EPUB GDB GEOJSON GEOTIFF GIF GML GPKG GTFS GZIP HTML ICS JPEG JPEG2000 JSON JSON_LD KML KMZ
		LAS LAZ MBOX MDB MOV MP3 MPEG4 N3 NETCDF ODB ODF ODG ODP ODS ODT OWL PDF PDFA1A PDFA1B PDFA2A PDFA2B PDFA3 PNG PPT PPTX QGS RAR RDF RDFA RDF_N_QUADS
		RDF_N_TRIPLES RDF_TRIG RDF_TURTLE RDF_XML REST RSS RTF SHP SQL SVG TAR TAR_GZ TAR_XZ TIFF TSV TXT WAV WCS_SRVC WFS_SRVC WMS_SRVC MAP_SRVC XHTML XLS XLSB
		XLSM XLSX XML YAML ZIP`),
}

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// inList tells whether an address is a code of an EU list.
func inList(list, iri string) bool {
	switch list {
	case "frequency":
		_, ok := frequencies[strings.TrimPrefix(iri, authority+"frequency/")]
		return ok && strings.HasPrefix(iri, authority)
	case "hvd-category":
		_, ok := hvdTags[iri]
		return ok
	}
	code, ok := strings.CutPrefix(iri, authority+list+"/")
	if ok && list == "language" {
		return len(code) == 3 && strings.ToUpper(code) == code
	}
	return ok && listed[list][code]
}

// elsewhere tells the objects that lists published elsewhere describe: nobody repeats them on a page.
func elsewhere(iri string) bool {
	return strings.HasPrefix(iri, authority) || strings.HasPrefix(iri, iana) || strings.HasPrefix(iri, "http://www.iana.org/assignments/media-types/") ||
		strings.HasPrefix(iri, "http://purl.org/adms/") || strings.HasPrefix(iri, "http://data.europa.eu/")
}

// profiled checks the page against DCAT-AP. typed are the classes of the addresses that any page of the catalogue describes.
func (r *reader) profiled(p *page, typed map[string][]string) {
	for i := range profile {
		c := &profile[i]
		for _, s := range p.graph.Typed(c.class) {
			r.constrained(p, c, s, typed)
		}
	}
}

func (r *reader) constrained(p *page, c *constraint, s Term, typed map[string][]string) {
	objects := p.graph.Objects(s, c.property)
	if len(objects) < c.min && !p.servedOnly(s) {
		r.note(p, s, c.property, "ap-missing", label(c.class), label(c.property))
	}
	if c.max > 0 && len(objects) > c.max {
		r.note(p, s, c.property, "ap-several", label(c.class), label(c.property))
	}
	for _, o := range objects {
		if text := o.Kind == Literal; c.kind == "node" && text || c.kind == "text" && !text {
			r.note(p, s, c.property, "ap-kind-"+c.kind, label(c.property), short(o.Value))
			continue
		}
		switch {
		case o.Kind == Literal:
			if c.datatypes != "" && !hasDatatype(o, c.datatypes) {
				r.note(p, s, c.property, "ap-datatype", label(c.property), short(o.Value))
			}
		case c.list != "" && !r.fromList(c, o):
			r.note(p, s, c.property, "ap-list", label(c.property), short(o.Value))
		case c.value != "" && !(o.Kind == IRI && elsewhere(o.Value)) && !p.graph.has(o, c.value) && !contains(typed[o.Value], c.value):
			r.note(p, s, c.property, "ap-class", label(c.property), short(o.Value))
		}
	}
}

func hasDatatype(o Term, names string) bool {
	name, ok := strings.CutPrefix(o.Datatype, xsd)
	return ok && contains(strings.Fields(names), name)
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// fromList is inList where a list allows for more: a blank node describes a format that has no code, themes may come from other lists.
func (r *reader) fromList(c *constraint, o Term) bool {
	switch {
	case o.Kind == Blank:
		return c.list == "file-type"
	case c.list == "file-type", c.list == "data-theme":
		return !strings.HasPrefix(o.Value, authority+c.list+"/") || inList(c.list, o.Value)
	}
	return inList(c.list, o.Value)
}

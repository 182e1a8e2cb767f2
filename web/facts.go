package web

import (
	"strconv"
	"strings"
	"time"

	"grenier/catalog"
)

// What a page says in the words of schema.org, for search engines. html/template writes it as JSON and escapes what could end the script.

type datasetFacts struct {
	Context     string            `json:"@context"`
	Type        string            `json:"@type"`
	ID          string            `json:"@id"`
	URL         string            `json:"url"`
	Identifier  string            `json:"identifier"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Language    string            `json:"inLanguage"`
	Free        bool              `json:"isAccessibleForFree"`
	License     string            `json:"license,omitempty"`
	Keywords    []string          `json:"keywords,omitempty"`
	Published   string            `json:"datePublished"`
	Modified    string            `json:"dateModified"`
	Version     string            `json:"version"`
	Temporal    string            `json:"temporalCoverage,omitempty"`
	Spatial     *placeFacts       `json:"spatialCoverage,omitempty"`
	Creator     organizationFacts `json:"creator"`
	Publisher   organizationFacts `json:"publisher"`
	Catalog     catalogRef        `json:"includedInDataCatalog"`
	Files       []downloadFacts   `json:"distribution,omitempty"`
	Columns     []columnFacts     `json:"variableMeasured,omitempty"`
}

type placeFacts struct {
	Type string     `json:"@type"`
	Name string     `json:"name"`
	Geo  *shapeFact `json:"geo,omitempty"`
}

// A shapeFact is a box: its south-west corner, then its north-east one, latitude first.
type shapeFact struct {
	Type string `json:"@type"`
	Box  string `json:"box"`
}

type organizationFacts struct {
	Type       string `json:"@type"`
	ID         string `json:"@id,omitempty"`
	Name       string `json:"name"`
	URL        string `json:"url,omitempty"`
	Identifier string `json:"identifier,omitempty"`
	Email      string `json:"email,omitempty"`
}

type catalogRef struct {
	Type string `json:"@type"`
	ID   string `json:"@id"`
	Name string `json:"name"`
	URL  string `json:"url"`
}

type downloadFacts struct {
	Type     string `json:"@type"`
	ID       string `json:"@id"`
	Name     string `json:"name"`
	URL      string `json:"contentUrl"`
	Format   string `json:"encodingFormat"`
	Size     string `json:"contentSize"`
	SHA256   string `json:"sha256,omitempty"`
	Modified string `json:"dateModified,omitempty"`
}

type columnFacts struct {
	Type        string `json:"@type"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

const (
	factsContext = "https://schema.org"
	leastFacts   = 50 // characters under which search engines take a description for none
	mostFacts    = 5000
	factColumns  = 100
)

// datasetFacts is a dataset in the words of schema.org.
func (s *Server) datasetFacts(d catalog.Dataset) *datasetFacts {
	of := organizationFacts{Type: "GovernmentOrganization", ID: s.BaseURL + "/id/organisme/" + d.Member.SIREN, Name: clean(d.Member.Name),
		URL: s.BaseURL + memberPath(d.Member.SIREN), Identifier: d.Member.SIREN, Email: d.Member.Email}
	f := &datasetFacts{Context: factsContext, Type: "Dataset", ID: s.BaseURL + "/id/jeu/" + d.ID.String(), URL: s.BaseURL + datasetPath(d.Slug), Identifier: d.ID.String(),
		Name: clean(d.Title), Description: factsDescription(d), Language: "fr", Free: true, License: licenseOf(d.License).URL,
		Published: d.Issued.UTC().Format(time.RFC3339), Modified: d.Modified.UTC().Format(time.RFC3339), Version: strconv.Itoa(d.Version), Spatial: placeOf(d.Member),
		Creator: of, Publisher: of, Catalog: catalogRef{"DataCatalog", s.BaseURL + "/id/catalogue", s.Site.Name, s.BaseURL + "/"}}
	if d.TemporalFrom != "" || d.TemporalTo != "" {
		f.Temporal = openEnd(d.TemporalFrom) + "/" + openEnd(d.TemporalTo)
	}
	for _, k := range d.Keywords {
		f.Keywords = append(f.Keywords, clean(k))
	}
	for _, file := range d.Files {
		f.Files = append(f.Files, downloadFacts{"DataDownload", s.BaseURL + "/id/fichier/" + file.ID.String(), s.fileTitle(file), s.BaseURL + filePath(file),
			s.format(file.Format).MediaType, strconv.FormatInt(file.Bytes, 10) + " B", file.SHA256, file.Modified.UTC().Format(time.RFC3339)})
	}
	for _, c := range d.Fields[:min(len(d.Fields), factColumns)] {
		f.Columns = append(f.Columns, columnFacts{"PropertyValue", clean(c.Name), strings.TrimSpace(clean(c.Title))})
	}
	return f
}

// factsDescription is the description as it is, made long enough to count as one.
func factsDescription(d catalog.Dataset) string {
	text := strings.TrimSpace(unmarked(clean(d.Description)))
	if len([]rune(text)) < leastFacts {
		text = strings.TrimSpace(text + " " + french("Jeu de données « "+clean(d.Title)+" », publié par "+clean(d.Member.Name)+" : "+quality(d)+"."))
	}
	if r := []rune(text); len(r) > mostFacts {
		text = string(r[:mostFacts-1]) + "…"
	}
	return text
}

// openEnd is the ISO 8601 mark of an end that is not known.
func openEnd(day string) string {
	if day == "" {
		return ".."
	}
	return day
}

func placeOf(m catalog.Member) *placeFacts {
	p := &placeFacts{Type: "AdministrativeArea", Name: clean(m.Name)}
	if b := m.BBox; b != nil {
		p.Geo = &shapeFact{"GeoShape", degrees(b.South) + " " + degrees(b.West) + " " + degrees(b.North) + " " + degrees(b.East)}
	}
	return p
}

func degrees(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

type catalogFacts struct {
	Context     string            `json:"@context"`
	Type        string            `json:"@type"`
	ID          string            `json:"@id"`
	URL         string            `json:"url"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Language    string            `json:"inLanguage"`
	Publisher   organizationFacts `json:"publisher"`
	Action      searchFacts       `json:"potentialAction"`
}

type searchFacts struct {
	Type   string     `json:"@type"`
	Target entryFacts `json:"target"`
	Input  string     `json:"query-input"`
}

type entryFacts struct {
	Type     string `json:"@type"`
	Template string `json:"urlTemplate"`
}

// catalogFacts is the whole site in the words of schema.org.
func (s *Server) catalogFacts(description string) *catalogFacts {
	return &catalogFacts{Context: factsContext, Type: "DataCatalog", ID: s.BaseURL + "/id/catalogue", URL: s.BaseURL + "/", Name: s.Site.Name, Description: french(description), Language: "fr",
		Publisher: organizationFacts{Type: "Organization", Name: s.Site.Operator, Identifier: s.Site.SIREN, Email: s.Site.Email},
		Action:    searchFacts{"SearchAction", entryFacts{"EntryPoint", s.BaseURL + "/jeux?q={search_term_string}"}, "required name=search_term_string"}}
}

package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// A Conformity is what a declaration of accessibility says of a site, in the words of the décret: « non », « partielle », « totale ».
// The zero value is « non »: nothing is claimed that was not audited.
type Conformity string

// The conformities that a declaration may have.
const (
	NotConform   Conformity = "non"
	PartlyConfom Conformity = "partielle"
	FullyConform Conformity = "totale"
)

// word completes « Accessibilité : … ».
func (c Conformity) word() string {
	switch c {
	case PartlyConfom:
		return "partiellement conforme"
	case FullyConform:
		return "totalement conforme"
	}
	return "non conforme"
}

// A Declaration is what the operator declares of the accessibility of its site, after an audit. The zero value is that of a site that was not audited.
type Declaration struct {
	Date         time.Time      `yaml:"date"` // of the declaration
	State        Conformity     `yaml:"state"`
	Rate         float64        `yaml:"rate"`    // share of the criteria met, in percent; 0 is not told
	Auditor      string         `yaml:"auditor"` // who audited
	Results      string         `yaml:"results"` // more words on the results
	Inaccessible []Inaccessible `yaml:"inaccessible"`
	Technologies []string       `yaml:"technologies"`
	Tools        []string       `yaml:"tools"` // browsers, screen readers and programs that the audit used
	Pages        []string       `yaml:"pages"` // that were looked at
	Plan         string         `yaml:"plan"`  // address of the multi-year plan
}

// Inaccessible is one content that not everyone can read, and why that is so.
type Inaccessible struct {
	What string `yaml:"what"`
	Why  string `yaml:"why"` // « non-conformité », « charge disproportionnée », « hors obligation »
}

// declarationAge is how long an audit is worth something (décret 2019-768).
const declarationAge = 3 // years

// Old tells whether the declaration has passed its three years.
func (d Declaration) Old(now time.Time) bool {
	return !d.Date.IsZero() && d.Date.AddDate(declarationAge, 0, 0).Before(now)
}

// declarationReasons are the three that the official plan of a declaration has.
var declarationReasons = []struct{ Key, Title string }{
	{"non-conformité", "Non-conformités"}, {"charge disproportionnée", "Dérogations pour charge disproportionnée"}, {"hors obligation", "Contenus non soumis à l’obligation"},
}

// ReadDeclaration reads a declaration in YAML. The error is in French.
func ReadDeclaration(text []byte) (d Declaration, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil && !errors.Is(err, io.EOF) {
		return d, fmt.Errorf("la déclaration d’accessibilité est mal écrite : %w", err)
	}
	return d, d.check()
}

func (d Declaration) check() error {
	switch d.State {
	case "", NotConform:
	case PartlyConfom, FullyConform:
		if d.Date.IsZero() || d.Auditor == "" {
			return fmt.Errorf("une déclaration « %s » s’appuie sur un audit : donnez date et auditor", d.State.word())
		}
	default:
		return fmt.Errorf("state : « %s » ; attend non, partielle ou totale", string(d.State))
	}
	if d.Rate < 0 || d.Rate > 100 || d.State == FullyConform && d.Rate != 0 && d.Rate != 100 {
		return errors.New("rate : attend un pourcentage de 0 à 100, et 100 pour une conformité totale")
	}
	if d.Plan != "" && webLink(d.Plan) == "" {
		return fmt.Errorf("plan : « %s » n’est pas une adresse http ou https", d.Plan)
	}
	for _, i := range d.Inaccessible {
		known := false
		for _, reason := range declarationReasons {
			known = known || reason.Key == i.Why
		}
		if !known || strings.TrimSpace(i.What) == "" {
			return fmt.Errorf("inaccessible : « %s », « %s » ; attend what, et why : non-conformité, charge disproportionnée ou hors obligation", i.What, i.Why)
		}
	}
	return nil
}

// An accessibilityPage is the body of accessibility.html.
type accessibilityPage struct {
	aboutPage
	Declaration
	Tells   string // the rate, in French
	Reasons []reasonView
	Stale   bool // the declaration has passed its three years
	Audited bool
}

type reasonView struct {
	Title string
	What  []string
}

func (s *Server) accessibility(w http.ResponseWriter, r *http.Request) error {
	d := s.Site.Declaration
	p := accessibilityPage{aboutPage: s.aboutPage(), Declaration: d, Stale: d.Old(s.Now()), Audited: d.Auditor != ""}
	if d.Rate > 0 {
		p.Tells = share(int64(d.Rate*10+.5), 1000)
	}
	for _, reason := range declarationReasons {
		v := reasonView{Title: reason.Title}
		for _, i := range d.Inaccessible {
			if i.Why == reason.Key {
				v.What = append(v.What, i.What)
			}
		}
		if len(v.What) > 0 {
			p.Reasons = append(p.Reasons, v)
		}
	}
	return s.render(w, r, "accessibility.html", head{Title: "Accessibilité : " + p.Word, Path: "/accessibilite", Description: "Déclaration d’accessibilité du service."}, p)
}

package harvest

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"

	"grenier/catalog"
)

// manifestMember is a member as YAML writes it: catalog.Member without what only the catalogue knows.
type manifestMember struct {
	SIREN      string        `yaml:"siren"`
	Name       string        `yaml:"name"`
	Kind       string        `yaml:"kind"`
	INSEE      string        `yaml:"insee"`
	SIRET      string        `yaml:"siret"`
	Population int           `yaml:"population"`
	Email      string        `yaml:"email"`
	Website    string        `yaml:"website"`
	BBox       *catalog.BBox `yaml:"bbox"`
	Mandates   []string      `yaml:"mandates"`

	Logo    string          `yaml:"logo"` // a file beside the manifest
	Colours catalog.Colours `yaml:"colours"`
}

func (m manifestMember) member() catalog.Member {
	return catalog.Member{
		SIREN: m.SIREN, Name: strings.TrimSpace(m.Name), Kind: memberKind(m.Kind), INSEE: m.INSEE, SIRET: m.SIRET, Population: m.Population,
		Email: m.Email, Website: m.Website, BBox: m.BBox, Mandates: m.Mandates, Colours: m.Colours,
	}
}

var memberKinds = []catalog.MemberKind{catalog.Commune, catalog.EPCI, catalog.Departement, catalog.Syndicat, catalog.Autre}

func joinKinds() string {
	var names []string
	for _, k := range memberKinds {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// memberKind reads a kind, whatever its capitals and accents.
func memberKind(s string) catalog.MemberKind {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(strings.TrimSpace(s))) {
		if r < 0x300 || r > 0x36f {
			b.WriteRune(r)
		}
	}
	return catalog.MemberKind(b.String())
}

// A memberFault notes what is wrong with one property, named as in YAML.
type memberFault func(property, format string, args ...any)

// A memberPlace says where a member is written.
type memberPlace struct {
	where string
	fault memberFault
}

func memberAt(n yamlNode) memberPlace {
	return memberPlace{fmt.Sprintf("%s:%d", n.log.file, n.Line), func(property, format string, args ...any) {
		n.fault(yamlPath{property}, format, args...)
	}}
}

// member checks and adds a member, with the mark that it names.
func (r *manifestReader) member(at memberPlace, m catalog.Member, logo namedLogo) {
	checkMember(m, at.fault)
	if mark := logo.read(at.fault); mark.Name != "" {
		m.Logo = mark.Name
		r.logos = append(r.logos, mark)
	}
	if before := r.members[m.SIREN]; before.where != "" && m.SIREN != "" {
		at.fault("siren", "le membre %s est déjà défini (%s)", cited(m.SIREN), before.where)
		return
	}
	r.members[m.SIREN] = foundMember{Member: m, where: at.where}
}

// A namedLogo is the mark that a manifest names, and how to read it.
type namedLogo struct {
	path string // "" for none
	open func(name string) ([]byte, error)
}

func (f NamedFile) logo(path string) namedLogo { return namedLogo{path, f.Open} }

// read reads the mark; without a name there is none, or what is wrong has been noted.
func (l namedLogo) read(fault memberFault) catalog.Logo {
	switch {
	case l.path == "":
		return catalog.Logo{}
	case l.open == nil || !filepath.IsLocal(l.path):
		fault("logo", "%s\u00a0: attend un fichier posé à côté de celui-ci, ou dans un de ses dossiers, par son chemin relatif", cited(l.path))
		return catalog.Logo{}
	}
	data, err := l.open(l.path)
	if err != nil {
		fault("logo", "%s ne peut pas être lu\u00a0; vérifiez son nom et ses droits", cited(l.path))
		return catalog.Logo{}
	}
	mark, err := catalog.ReadLogo(data)
	if err != nil {
		fault("logo", "%s\u00a0: %s", cited(l.path), err)
	}
	return mark
}

var (
	nineDigits     = regexp.MustCompile(`^[0-9]{9}$`)
	fourteenDigits = regexp.MustCompile(`^[0-9]{14}$`)
	communeCode    = regexp.MustCompile(`^([0-9]{2}|2[AB])[0-9]{3}$`)
	areaCode       = regexp.MustCompile(`^[0-9AB]{2,5}$`)
	schemaName     = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)
)

func checkMember(m catalog.Member, fault memberFault) {
	switch {
	case m.SIREN == "":
		fault("siren", "le SIREN est obligatoire")
	case !nineDigits.MatchString(m.SIREN) || !luhn(m.SIREN):
		fault("siren", "%s n’est pas un SIREN\u00a0: neuf chiffres, dont le dernier est une clé de contrôle", cited(m.SIREN))
	}
	switch {
	case m.SIRET == "":
	case !fourteenDigits.MatchString(m.SIRET) || !luhn(m.SIRET):
		fault("siret", "%s n’est pas un SIRET\u00a0: quatorze chiffres, dont le dernier est une clé de contrôle", cited(m.SIRET))
	case !strings.HasPrefix(m.SIRET, m.SIREN):
		fault("siret", "%s ne commence pas par le SIREN %s", cited(m.SIRET), m.SIREN)
	}
	if m.Name == "" {
		fault("name", "le nom est obligatoire")
	}
	if !slices.Contains(memberKinds, m.Kind) {
		fault("kind", "type de membre inconnu\u00a0: %s\u00a0; acceptés\u00a0: %s", cited(string(m.Kind)), joinKinds())
	}
	if m.Population < 0 {
		fault("population", "attend un nombre d’habitants")
	}
	checkTerritory(m, fault)
	checkContact(m, fault)
	if err := m.Colours.Check(); err != nil {
		fault("colours", "%s", err)
	}
	for _, name := range m.Mandates {
		if !schemaName.MatchString(name) {
			fault("mandates", "%s n’est pas le nom d’un schéma\u00a0: attend par exemple scdl/subventions", cited(name))
		}
	}
}

func checkTerritory(m catalog.Member, fault memberFault) {
	switch {
	case m.Kind == catalog.Commune && !communeCode.MatchString(m.INSEE):
		fault("insee", "%s n’est pas un code INSEE de commune (cinq caractères)", cited(m.INSEE))
	case m.Kind != catalog.Commune && m.INSEE != "" && !areaCode.MatchString(m.INSEE):
		fault("insee", "%s n’est pas un code INSEE", cited(m.INSEE))
	}
	b := m.BBox
	if b == nil {
		return
	}
	if !(b.West >= -180 && b.West < b.East && b.East <= 180 && b.South >= -90 && b.South < b.North && b.North <= 90) {
		fault("bbox", "attend des degrés\u00a0: ouest < est entre -180 et 180, sud < nord entre -90 et 90")
	}
}

func checkContact(m catalog.Member, fault memberFault) {
	if m.Email != "" {
		if a, err := mail.ParseAddress(m.Email); err != nil || a.Address != m.Email {
			fault("email", "%s n’est pas une adresse électronique", cited(m.Email))
		}
	}
	if m.Website != "" {
		if u, err := url.Parse(m.Website); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			fault("website", "%s n’est pas une adresse de site\u00a0: attend https://…", cited(m.Website))
		}
	}
}

// luhn checks the key of a SIREN or SIRET. La Poste's SIRET follow another rule.
func luhn(digits string) bool {
	sum, plain := 0, 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		plain += d
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0 || len(digits) == 14 && strings.HasPrefix(digits, "356000000") && plain%5 == 0
}

// memberColumns are the columns of a CSV of members, with the properties they give.
var memberColumns = map[string]string{
	"siren": "siren", "nom": "name", "type": "kind", "insee": "insee", "siret": "siret", "population": "population", "email": "email",
	"site": "website", "ouest": "west", "sud": "south", "est": "east", "nord": "north", "mandats": "mandates",
	"logo": "logo", "couleur": "main", "accent": "accent",
}

// looksLikeCSV tells a CSV of members from YAML: by its name, then by its first line.
func looksLikeCSV(f NamedFile) bool {
	switch strings.ToLower(path.Ext(f.Name)) {
	case ".csv", ".tsv", ".txt":
		return true
	case ".yaml", ".yml":
		return false
	}
	line, _, _ := bytes.Cut(f.Text, []byte("\n"))
	return bytes.Contains(bytes.ToLower(line), []byte("siren")) && bytes.ContainsAny(line, ",;\t") && !bytes.Contains(line, []byte(":"))
}

// readMembersCSV reads members from a CSV file in UTF-8 or Windows-1252, parted by semicolons, commas or tabs.
func (r *manifestReader) readMembersCSV(log *faultLog, file NamedFile) {
	text := bytes.TrimPrefix(file.Text, []byte("\ufeff"))
	if !utf8.Valid(text) {
		text, _ = charmap.Windows1252.NewDecoder().Bytes(text) // every byte has a character, or a replacement
	}
	header, _, _ := bytes.Cut(text, []byte("\n"))
	c := csv.NewReader(bytes.NewReader(text))
	c.Comma, c.FieldsPerRecord = ';', -1
	for _, comma := range []byte{',', '\t'} {
		if bytes.Count(header, []byte{comma}) > bytes.Count(header, []byte{byte(c.Comma)}) {
			c.Comma = rune(comma)
		}
	}
	names := memberHeader(log, c)
	if names == nil {
		return
	}
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			noteCSV(log, err)
			return
		}
		line, _ := c.FieldPos(0)
		r.memberRecord(log, line, names, record, file)
	}
}

func noteCSV(log *faultLog, err error) {
	line := 0
	var p *csv.ParseError
	if errors.As(err, &p) {
		line = p.StartLine
	}
	log.add(line, nil, "CSV illisible\u00a0: vérifiez les guillemets de cette ligne")
}

// memberHeader reads the names of the columns; nil, noted, when they are not those of members.
func memberHeader(log *faultLog, c *csv.Reader) []string {
	names, err := c.Read()
	switch {
	case errors.Is(err, io.EOF):
		log.add(0, nil, "ce fichier est vide")
		return nil
	case err != nil:
		noteCSV(log, err)
		return nil
	}
	before := len(log.list)
	for i, name := range names {
		names[i] = strings.ToLower(strings.TrimSpace(name))
		switch {
		case memberColumns[names[i]] == "":
			log.add(1, nil, "colonne inconnue\u00a0: %s%s", cited(name), proposal(names[i], sortedKeys(memberColumns)))
		case slices.Contains(names[:i], names[i]):
			log.add(1, nil, "la colonne %s figure deux fois", cited(name))
		}
	}
	for _, name := range []string{"siren", "nom", "type"} {
		if !slices.Contains(names, name) {
			log.add(1, nil, "il manque la colonne %s", cited(name))
		}
	}
	if len(log.list) > before {
		return nil
	}
	return names
}

// memberRecord reads one record of a CSV of members.
func (r *manifestReader) memberRecord(log *faultLog, line int, names, record []string, file NamedFile) {
	at := memberPlace{fmt.Sprintf("%s:%d", log.file, line), func(property, format string, args ...any) {
		log.add(line, yamlPath{csvName(property)}, format, args...)
	}}
	if len(record) > len(names) {
		log.add(line, nil, "%d cellules pour %d colonnes", len(record), len(names))
		return
	}
	cell := map[string]string{}
	for i, text := range record {
		cell[memberColumns[names[i]]] = trimText(text)
	}
	if strings.Join(record, "") == "" {
		return
	}
	m := catalog.Member{
		SIREN: compact(cell["siren"]), Name: cell["name"], Kind: memberKind(cell["kind"]), INSEE: strings.ToUpper(cell["insee"]), SIRET: compact(cell["siret"]),
		Email: cell["email"], Website: cell["website"], BBox: memberBox(cell, at.fault), Colours: catalog.Colours{Main: cell["main"], Accent: cell["accent"]},
	}
	if cell["mandates"] != "" {
		m.Mandates = strings.Fields(cell["mandates"])
	}
	if p := compact(cell["population"]); p != "" {
		var err error
		if m.Population, err = strconv.Atoi(p); err != nil {
			at.fault("population", "%s n’est pas un nombre d’habitants", cited(cell["population"]))
		}
	}
	r.member(at, m, file.logo(cell["logo"]))
}

// csvName is the column that gives a property.
func csvName(property string) string {
	for name, p := range memberColumns {
		if p == property {
			return name
		}
	}
	if property == "colours" {
		return "couleur" // and accent
	}
	return property // bbox: of four columns
}

// compact takes the spaces out of a number.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if isBlank(r) {
			return -1
		}
		return r
	}, s)
}

// memberBox reads the four sides of a box; nil when none is given.
func memberBox(cell map[string]string, fault memberFault) *catalog.BBox {
	var sides [4]float64
	given := 0
	for i, name := range []string{"west", "south", "east", "north"} {
		if cell[name] == "" {
			continue
		}
		given++
		var err error
		if sides[i], err = strconv.ParseFloat(strings.Replace(cell[name], ",", ".", 1), 64); err != nil {
			fault(name, "%s n’est pas un nombre de degrés", cited(cell[name]))
			return nil
		}
	}
	switch given {
	case 0:
		return nil
	case 4:
		return &catalog.BBox{West: sides[0], South: sides[1], East: sides[2], North: sides[3]}
	}
	fault("bbox", "donnez les quatre côtés (ouest, sud, est, nord), ou aucun")
	return nil
}

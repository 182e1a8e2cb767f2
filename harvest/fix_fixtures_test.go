package harvest_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"grenier/harvest"
	"grenier/schemas"
)

// A sheet is a table on its way to being spoilt.
type sheet struct {
	labels []string
	rows   [][]string
	delim  rune
	title  string
	eol    string
	char   encoding.Encoding
	book   bool            // written as XLSX
	native map[string]bool // columns of the workbook kept as numbers
}

// sample is the bundled sample without fault of a schema.
func sample(t testing.TB, s *schemas.Schema) *sheet {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "schemas", "national", s.ID.Name(), s.ID.Version(), "valid.csv"))
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = rune(s.Delimiter)
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return &sheet{labels: all[0], rows: all[1:], delim: rune(s.Delimiter), eol: "\n", native: map[string]bool{}}
}

func (s *sheet) clone() *sheet {
	c := *s
	c.labels, c.rows, c.native = slices.Clone(s.labels), nil, map[string]bool{}
	for _, r := range s.rows {
		c.rows = append(c.rows, slices.Clone(r))
	}
	return &c
}

func (s *sheet) column(name string) int {
	i := slices.Index(s.labels, name)
	if i < 0 {
		panic("no column " + name)
	}
	return i
}

// each changes the filled cells of some columns.
func (s *sheet) each(fn func(string) string, columns ...string) {
	for _, name := range columns {
		c := s.column(name)
		for _, r := range s.rows {
			if r[c] != "" {
				r[c] = fn(r[c])
			}
		}
	}
}

func (s *sheet) bytes(t testing.TB) []byte {
	t.Helper()
	if s.book {
		return s.workbook(t)
	}
	var b bytes.Buffer
	if s.title != "" {
		b.WriteString(s.title + s.eol)
	}
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = s.delim, s.eol == "\r\n"
	w.WriteAll(append([][]string{s.labels}, s.rows...))
	if s.char == nil {
		return b.Bytes()
	}
	out, err := encoding.ReplaceUnsupported(s.char.NewEncoder()).Bytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *sheet) workbook(t testing.TB) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	for r, row := range append([][]string{s.labels}, s.rows...) {
		for c, text := range row {
			at, _ := excelize.CoordinatesToCellName(c+1, r+1)
			if n, err := strconv.ParseFloat(text, 64); err == nil && r > 0 && s.native[s.labels[c]] {
				f.SetCellFloat("Sheet1", at, n, -1, 64)
			} else {
				f.SetCellStr("Sheet1", at, text)
			}
		}
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What people and their software do to a cell.
func dayWith(sep string) func(string) string {
	return func(s string) string {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return s
		}
		return d.Format("02" + sep + "01" + sep + "2006")
	}
}

func serial(s string) string {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	return strconv.Itoa(int(d.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24))
}

func comma(s string) string { return strings.Replace(s, ".", ",", 1) }

func with(before, after string) func(string) string {
	return func(s string) string { return before + s + after }
}

func thousands(space string) func(string) string {
	return func(s string) string {
		whole, rest, point := strings.Cut(s, ".")
		for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
			whole = whole[:i] + space + whole[i:]
		}
		if point {
			whole += "," + rest
		}
		return whole
	}
}

func grouped(s string) string { // 21390013700018 → 213 900 137 00018
	if len(s) < 9 {
		return s
	}
	return strings.TrimSpace(s[:3] + " " + s[3:6] + " " + s[6:9] + " " + s[9:])
}

func plainLetters(s string) string {
	return strings.NewReplacer("é", "e", "è", "e", "É", "E", "ê", "e", "à", "a", "ô", "o", "ç", "c").Replace(s)
}

func words(yes, no string) func(string) string {
	return func(s string) string {
		switch s {
		case "true", "1", "oui", "vrai":
			return yes
		case "false", "0", "non", "faux":
			return no
		}
		return s
	}
}

func loseZero(s string) string { return strings.TrimPrefix(s, "0") }

func always(text string) func(string) string { return func(string) string { return text } }

// metres projects degrees to Lambert-93, written from the definition and not from the program's own formula.
func metres(lon, lat float64) (x, y float64) {
	const rad, a, f = math.Pi / 180, 6378137.0, 1 / 298.257222101
	e := math.Sqrt(f * (2 - f))
	m := func(p float64) float64 { return math.Cos(p) / math.Sqrt(1-e*e*math.Sin(p)*math.Sin(p)) }
	u := func(p float64) float64 {
		return math.Tan(math.Pi/4-p/2) / math.Pow((1-e*math.Sin(p))/(1+e*math.Sin(p)), e/2)
	}
	n := math.Log(m(44*rad)/m(49*rad)) / math.Log(u(44*rad)/u(49*rad))
	big := m(44*rad) / (n * math.Pow(u(44*rad), n))
	rho := func(p float64) float64 { return a * big * math.Pow(u(p), n) }
	r, th := rho(lat*rad), n*(lon-3)*rad
	return 700000 + r*math.Sin(th), 6600000 + rho(46.5*rad) - r*math.Cos(th)
}

// onTheMainland puts every point in mainland France, each elsewhere.
func onTheMainland(lon, lat string) func(*sheet) {
	return func(s *sheet) {
		n := 0
		s.pairs(lon, lat, func(string, string) (string, string) {
			n++
			return fmt.Sprintf("%.6f", -4.5+1.37*float64(n)), fmt.Sprintf("%.6f", 42.1+0.71*float64(n))
		})
	}
}

// keyed adds the control figure to a SIREN or SIRET that lacks it.
func keyed(digits string) string {
	for key := range 10 {
		sum := 0
		full := digits + strconv.Itoa(key)
		for i := range full {
			d := int(full[len(full)-1-i] - '0')
			if i%2 == 1 {
				if d *= 2; d > 9 {
					d -= 9
				}
			}
			sum += d
		}
		if sum%10 == 0 {
			return full
		}
	}
	panic("no key")
}

// pairs changes two columns together.
func (s *sheet) pairs(lon, lat string, fn func(x, y string) (string, string)) {
	i, j := s.column(lon), s.column(lat)
	for _, r := range s.rows {
		if r[i] != "" && r[j] != "" {
			r[i], r[j] = fn(r[i], r[j])
		}
	}
}

func swap(x, y string) (string, string) { return y, x }

func toMetres(x, y string) (string, string) {
	lon, _ := strconv.ParseFloat(x, 64)
	lat, _ := strconv.ParseFloat(y, 64)
	e, n := metres(lon, lat)
	return strconv.FormatFloat(e, 'f', 3, 64), strconv.FormatFloat(n, 'f', 3, 64)
}

// point changes the two numbers of a geopoint.
func point(fn func(x, y string) (string, string)) func(string) string {
	return func(s string) string {
		inner := strings.Trim(s, "[]")
		x, y, _ := strings.Cut(inner, ",")
		x, y = fn(strings.TrimSpace(x), strings.TrimSpace(y))
		if inner != s {
			return "[" + x + ", " + y + "]"
		}
		return x + ", " + y
	}
}

// A spoilt file is one of the malformed files: a bundled sample, first given what it needs, then spoilt.
type spoilt struct {
	name, schema string
	base         func(*sheet) // done to the good file
	spoil        func(*sheet)
	why          string // why it cannot be valid after repair; "" when it is
	lost         bool   // the repaired file need not be the good one again
}

var spoiltFiles = []spoilt{
	{name: "dates with slashes, Windows-1252", schema: "scdl/subventions", spoil: func(s *sheet) {
		s.each(dayWith("/"), "dateConvention")
		s.char, s.delim, s.eol = charmap.Windows1252, ';', "\r\n"
	}},
	{name: "dates with hyphens", schema: "scdl/subventions", spoil: func(s *sheet) { s.each(dayWith("-"), "dateConvention") }},
	{name: "dates with points", schema: "scdl/deliberations", spoil: func(s *sheet) { s.each(dayWith("."), "DELIB_DATE", "PREF_DATE") }},
	{name: "dates inside a pattern", schema: "scdl/subventions", spoil: func(s *sheet) { s.each(dayWith("/"), "datesPeriodeVersement") }},
	{name: "dates with midnight", schema: "scdl/deliberations", spoil: func(s *sheet) { s.each(with("", " 00:00:00"), "DELIB_DATE", "PREF_DATE") }},
	{name: "French dates with midnight", schema: "etalab/schema-bal@1.4.0", spoil: func(s *sheet) {
		s.each(dayWith("/"), "date_der_maj")
		s.each(with("", " 00:00"), "date_der_maj")
	}},
	{name: "decimal comma", schema: "scdl/subventions", spoil: func(s *sheet) { s.each(comma, "montant", "pourcentageSubvention"); s.delim = ';' }},
	{name: "thousands with no-break spaces", schema: "scdl/subventions", spoil: func(s *sheet) { s.each(thousands("\u00a0"), "montant") }},
	{name: "thousands with narrow spaces and euros", schema: "scdl/budget", spoil: func(s *sheet) {
		s.each(thousands("\u202f"), "BGT_MTPREV", "BGT_MTPROPNOUV", "BGT_MTBUDGPREC")
		s.each(with("", "\u00a0€"), "BGT_MTPREV")
	}},
	{name: "amounts with EUR", schema: "etalab/schema-hautes-remunerations", spoil: func(s *sheet) { s.each(with("", " EUR"), "somme_10_plus_hautes_remunerations_brutes") }},
	{name: "SIRET with spaces", schema: "scdl/subventions", spoil: func(s *sheet) { s.each(grouped, "idAttribuant") }},
	{name: "SIRET with points", schema: "scdl/deliberations", spoil: func(s *sheet) {
		s.each(func(x string) string { return strings.ReplaceAll(grouped(x), " ", ".") }, "COLL_SIRET")
	}},
	{name: "SIRET without its zero", schema: "scdl/deliberations", base: func(s *sheet) { s.each(always(keyed(keyed("05560037")+"0001")), "COLL_SIRET") }, spoil: func(s *sheet) { s.each(loseZero, "COLL_SIRET") }},
	{name: "SIREN without its zero, with spaces", schema: "etalab/schema-hautes-remunerations", base: func(s *sheet) { s.each(always(keyed("05560037")), "siren") }, spoil: func(s *sheet) {
		s.each(loseZero, "siren")
		s.each(func(x string) string { return x[:2] + " " + x[2:5] + " " + x[5:] }, "siren")
	}},
	{name: "labels in capitals", schema: "scdl/subventions", spoil: func(s *sheet) {
		for i := range s.labels {
			s.labels[i] = strings.ToUpper(s.labels[i])
		}
	}},
	{name: "labels with spaces and accents", schema: "scdl/prenoms", spoil: func(s *sheet) {
		s.labels = []string{"Commune Nom", "Coll. INSEE", "Enfant – sexe", "Enfant prénom", "Nombre occurrences", "Année"}
	}},
	{name: "labels in small letters", schema: "scdl/deliberations", spoil: func(s *sheet) {
		for i := range s.labels {
			s.labels[i] = strings.ToLower(s.labels[i]) + " "
		}
	}},
	{name: "labels with hyphens and a title", schema: "scdl/equipements", spoil: func(s *sheet) {
		for i := range s.labels {
			s.labels[i] = strings.ReplaceAll(s.labels[i], "_", "-")
		}
		s.title = "Équipements de la commune"
	}},
	{name: "booleans in capitals", schema: "scdl/subventions", spoil: func(s *sheet) { s.each(strings.ToUpper, "notificationUE") }},
	{name: "booleans as numbers", schema: "scdl/subventions", spoil: func(s *sheet) { s.each(words("1", "0"), "notificationUE") }},
	{name: "booleans in French", schema: "etalab/schema-irve-statique", spoil: func(s *sheet) {
		s.each(words("Oui", "Non"), "prise_type_ef", "prise_type_2", "prise_type_combo_ccs", "prise_type_chademo", "prise_type_autre", "gratuit", "reservation")
	}},
	{name: "booleans true or false in words", schema: "datagouv/schema-fontaine-eau", spoil: func(s *sheet) { s.each(words("VRAI", "FAUX"), "accessible_pmr", "remplissage_contenant_possible") }},
	{name: "booleans in English", schema: "atlasante/schema-dae", spoil: func(s *sheet) { s.each(words("Yes", "no"), "acc_lib", "acc_acc", "dispsurv") }},
	{name: "booleans oui and non where true is asked", schema: "etalab/schema-lieux-covoiturage", spoil: func(s *sheet) {
		s.each(words("oui", "non"), "ouvert", "lumiere")
		s.each(dayWith("/"), "date_maj")
	}},
	{name: "list without accents, in capitals", schema: "scdl/subventions", spoil: func(s *sheet) { s.each(func(x string) string { return strings.ToUpper(plainLetters(x)) }, "nature") }},
	{name: "list with capitals", schema: "scdl/budget", spoil: func(s *sheet) { s.each(strings.ToUpper, "BGT_SECTION", "BGT_CODRD", "BGT_OPBUDG", "BGT_NATDEC") }},
	{name: "list with other apostrophes", schema: "datagouv/schema-fontaine-eau", base: func(s *sheet) { s.each(always("établissement nécessitant l'achat d'un billet"), "conditions_acces") }, spoil: func(s *sheet) {
		s.each(func(x string) string { return strings.ReplaceAll(x, "'", "’") + " " }, "conditions_acces")
	}},
	{name: "list with one small letter", schema: "scdl/prenoms", spoil: func(s *sheet) { s.each(strings.ToLower, "ENFANT_SEXE") }},
	{name: "list without accents", schema: "etalab/schema-irve-statique", spoil: func(s *sheet) { s.each(plainLetters, "condition_acces", "accessibilite_pmr", "implantation_station") }},
	{name: "UTF-16 with tabs", schema: "scdl/subventions", spoil: func(s *sheet) {
		s.each(dayWith("/"), "dateConvention")
		s.char, s.delim = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), '\t'
	}},
	{name: "UTF-16, big end first", schema: "scdl/prenoms", base: func(s *sheet) { s.each(always("01004"), "COLL_INSEE") }, spoil: func(s *sheet) {
		s.each(loseZero, "COLL_INSEE")
		s.char = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	}},
	{name: "CP850", schema: "scdl/deliberations", spoil: func(s *sheet) {
		s.each(dayWith("/"), "DELIB_DATE")
		s.char, s.delim = charmap.CodePage850, ';'
	}},
	{name: "a title above", schema: "scdl/deliberations", spoil: func(s *sheet) {
		s.each(dayWith("/"), "DELIB_DATE", "PREF_DATE")
		s.title = "Délibérations du conseil municipal"
	}},
	{name: "spaces around codes", schema: "scdl/subventions", spoil: func(s *sheet) {
		s.each(with(" ", "\u00a0"), "rnaBeneficiaire", "idAttribuant", "datesPeriodeVersement", "dateConvention", "notificationUE", "nature")
	}},
	{name: "workbook with texts", schema: "scdl/subventions", spoil: func(s *sheet) {
		s.each(dayWith("/"), "dateConvention")
		s.each(comma, "montant")
		s.book = true
	}},
	{name: "workbook with numbers for days", schema: "scdl/deliberations", spoil: func(s *sheet) {
		s.each(serial, "DELIB_DATE", "PREF_DATE")
		s.book, s.native = true, map[string]bool{"DELIB_DATE": true, "PREF_DATE": true}
	}},
	{name: "workbook that lost zeros", schema: "etalab/schema-stationnement", base: func(s *sheet) { s.each(always("01004"), "insee") }, spoil: func(s *sheet) {
		s.each(loseZero, "insee")
		s.book = true
	}},
	{name: "workbook with euros and booleans", schema: "etalab/schema-stationnement", spoil: func(s *sheet) {
		s.each(words("OUI", "NON"), "gratuit")
		s.each(func(x string) string { return comma(x) + " €" }, "tarif_1h", "tarif_2h", "tarif_24h")
		s.book = true
	}},
	{name: "spreadsheet days in CSV", schema: "datagouv/schema-fontaine-eau", spoil: func(s *sheet) { s.each(serial, "date_installation", "indisponible") }},
	{name: "commune without its zero", schema: "scdl/prenoms", base: func(s *sheet) { s.each(always("01004"), "COLL_INSEE") }, spoil: func(s *sheet) { s.each(loseZero, "COLL_INSEE") }},
	{name: "postal code without its zero", schema: "atlasante/schema-dae", base: func(s *sheet) { s.each(always("01500"), "com_cp"); s.each(always("01004"), "com_insee") }, spoil: func(s *sheet) { s.each(loseZero, "com_cp", "com_insee") }},
	{name: "SIREN with spaces, dates, capitals", schema: "atlasante/schema-dae", spoil: func(s *sheet) {
		s.each(grouped, "fab_siren", "mnt_siren")
		s.each(dayWith("/"), "dermnt", "date_instal", "dtpr_lcad", "dtpr_bat")
		s.each(strings.ToUpper, "acc", "etat")
	}},
	{name: "coordinates changed over, geopoints", schema: "etalab/schema-irve-statique", spoil: func(s *sheet) { s.each(point(swap), "coordonneesXY") }},
	{name: "coordinates changed over, text geopoints", schema: "openmaraude/schema-stationstaxi", spoil: func(s *sheet) { s.each(point(swap), "geopoint") }},
	{name: "coordinates changed over, two columns", schema: "scdl/equipements", spoil: func(s *sheet) { s.pairs("EQUIP_LONG", "EQUIP_LAT", swap) }},
	{name: "coordinates with commas", schema: "scdl/equipements", spoil: func(s *sheet) { s.each(comma, "EQUIP_LAT", "EQUIP_LONG"); s.delim = ';' }},
	{name: "Lambert-93, two columns", schema: "etalab/schema-stationnement", base: onTheMainland("Xlong", "Ylat"), spoil: func(s *sheet) { s.pairs("Xlong", "Ylat", toMetres) }},
	{name: "Lambert-93 with commas", schema: "etalab/schema-lieux-covoiturage", base: onTheMainland("Xlong", "Ylat"), spoil: func(s *sheet) {
		s.pairs("Xlong", "Ylat", toMetres)
		s.each(comma, "Xlong", "Ylat")
	}},
	{name: "Lambert-93, geopoints", schema: "etalab/schema-irve-statique", spoil: func(s *sheet) { s.each(point(toMetres), "coordonneesXY") }},
	{name: "Lambert-93 under X and Y", schema: "datagouv/schema-fontaine-eau", base: onTheMainland("longitude", "latitude"), spoil: func(s *sheet) {
		s.pairs("longitude", "latitude", toMetres)
		s.labels[s.column("longitude")], s.labels[s.column("latitude")] = "X_L93", "Y_L93"
	}},
	{name: "French moments", schema: "etalab/schema-comptage-mobilites-measure", base: func(s *sheet) {
		s.each(func(x string) string { return strings.TrimSuffix(x, "Z") }, "start_datetime", "end_datetime")
	}, spoil: func(s *sheet) {
		s.each(func(x string) string { return dayWith("/")(x[:10]) + " " + x[11:] }, "start_datetime", "end_datetime")
	}},
	{name: "catalogue with French dates", schema: "scdl/catalogue", spoil: func(s *sheet) {
		s.each(dayWith("/"), "DATE_PUBL", "DATE_MAJ", "COUV_TEMP_DEBUT", "COUV_TEMP_FIN")
		s.each(grouped, "COLL_SIRET")
	}},
	{name: "addresses with commas in coordinates", schema: "etalab/schema-bal@1.4.0", spoil: func(s *sheet) { s.each(comma, "x", "y", "long", "lat") }},
	{name: "addresses in Windows-1252 between commas", schema: "etalab/schema-bal@1.4.0", spoil: func(s *sheet) {
		s.each(dayWith("/"), "date_der_maj")
		s.char, s.delim, s.eol = charmap.Windows1252, ',', "\r\n"
	}},
	{name: "addresses with spaces around codes", schema: "etalab/schema-bal@1.3.0", spoil: func(s *sheet) {
		s.each(with(" ", " "), "commune_insee", "suffixe")
		for i := range s.labels {
			s.labels[i] = strings.ToUpper(s.labels[i])
		}
	}},
	{name: "everything at once", schema: "scdl/subventions", spoil: func(s *sheet) {
		s.each(dayWith("/"), "dateConvention", "datesPeriodeVersement")
		s.each(grouped, "idAttribuant")
		s.each(func(x string) string { return thousands(" ")(x) + " €" }, "montant")
		s.each(strings.ToUpper, "nature", "notificationUE")
		for i := range s.labels {
			s.labels[i] = strings.ToUpper(s.labels[i])
		}
		s.char, s.delim, s.eol, s.title = charmap.Windows1252, ';', "\r\n", "Subventions 2024"
	}},

	{name: "days and months both ways", schema: "scdl/subventions", why: "03/04/2024 beside 12/25/2024 can be read both ways", lost: true, spoil: func(s *sheet) {
		for i, day := range []string{"03/04/2024", "12/25/2024", "25/12/2024", "05/06/2024"} {
			s.rows[i%len(s.rows)][s.column("dateConvention")] = day
		}
	}},
	{name: "percents where a share is asked", schema: "scdl/subventions", why: "50 % of a field between 0 and 1 could be 0.5 or an error", lost: true, spoil: func(s *sheet) { s.each(always("0,5 %"), "pourcentageSubvention") }},
	{name: "a day that does not exist", schema: "scdl/deliberations", why: "nobody knows which day 31/02 is", lost: true, spoil: func(s *sheet) { s.rows[0][s.column("DELIB_DATE")] = "31/02/2024" }},
	{name: "SIRET as a spreadsheet shows it", schema: "scdl/deliberations", why: "2,17E+13 has lost its digits", lost: true, spoil: func(s *sheet) { s.each(always("2,17399E+13"), "COLL_SIRET") }},
	{name: "a word for a number", schema: "scdl/prenoms", why: "a word is no number", lost: true, spoil: func(s *sheet) { s.rows[0][s.column("NOMBRE_OCCURRENCES")] = "beaucoup" }},
	{name: "thousands or decimals", schema: "scdl/subventions", why: "1,234 beside 1,234.50 may be 1234", lost: true, spoil: func(s *sheet) {
		s.rows[0][s.column("montant")], s.rows[1][s.column("montant")] = "1,234.50", "1,234"
	}},
	{name: "years of two figures", schema: "scdl/deliberations", why: "05/01/24 has no century", lost: true, spoil: func(s *sheet) {
		s.each(func(x string) string { d := dayWith("/")(x); return d[:6] + d[8:] }, "DELIB_DATE")
	}},
	{name: "a required cell without value", schema: "scdl/subventions", why: "nobody knows what was there", lost: true, spoil: func(s *sheet) { s.each(always(""), "objet") }},
}

// read reads a repaired file back.
func readRepaired(t testing.TB, text string, s *schemas.Schema) [][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = rune(s.Delimiter), -1
	all, err := r.ReadAll()
	if err != nil {
		t.Fatalf("repaired file: %v\n%s", err, text)
	}
	return all
}

// sameMeaning tells whether two texts of a field say the same: numbers and degrees by value, truth values by truth, others by text.
func sameMeaning(f *schemas.Field, a, b string) bool {
	if a == b {
		return true
	}
	if f == nil {
		return false
	}
	switch f.Type {
	case schemas.Number, schemas.Integer:
		x, ok1 := new(big.Rat).SetString(a)
		y, ok2 := new(big.Rat).SetString(b)
		if !ok1 || !ok2 {
			return false
		}
		d, _ := new(big.Rat).Sub(x, y).Float64()
		return math.Abs(d) == 0 || isDegree(f) && math.Abs(d) <= 1e-7
	case schemas.Boolean:
		return words("1", "0")(strings.ToLower(a)) == words("1", "0")(strings.ToLower(b))
	case schemas.Datetime:
		return strings.Replace(a, " ", "T", 1) == strings.Replace(b, " ", "T", 1)
	case schemas.Geopoint:
		near := true
		point(func(x1, y1 string) (string, string) {
			point(func(x2, y2 string) (string, string) {
				for _, p := range [][2]string{{x1, x2}, {y1, y2}} {
					u, _ := strconv.ParseFloat(p[0], 64)
					v, _ := strconv.ParseFloat(p[1], 64)
					near = near && math.Abs(u-v) <= 1e-7
				}
				return "", ""
			})(b)
			return "", ""
		})(a)
		return near
	}
	return false
}

func isDegree(f *schemas.Field) bool {
	name := strings.ToLower(f.Name)
	return strings.Contains(name, "lon") || strings.Contains(name, "lat")
}

func TestFix_MendsMalformedFilesAndGivesThemBack(t *testing.T) {
	if len(spoiltFiles) < 40 {
		t.Fatalf("only %d malformed files", len(spoiltFiles))
	}
	valid := 0
	for _, c := range spoiltFiles {
		t.Run(c.name, func(t *testing.T) {
			s := national(t, c.schema)
			good := sample(t, s)
			if c.base != nil {
				c.base(good)
			}
			bad := good.clone()
			c.spoil(bad)
			ext := ".csv"
			if bad.book {
				ext = ".xlsx"
			}
			text := string(bad.bytes(t))
			f, repaired := fix(t, c.schema, "fichier"+ext, text)
			var ops []string
			for _, r := range f.After.Repairs {
				ops = append(ops, fmt.Sprintf("%s×%d", r.Op, r.Count))
			}
			t.Logf("%-60s valid after: %v  %s  %s", c.schema, f.After.Valid, strings.Join(ops, " "), c.why)
			if f.After.Valid != (c.why == "") {
				t.Errorf("valid %v: %+v\n%s", f.After.Valid, f.After.Errors, repaired)
			}
			if f.After.Valid {
				valid++
			}
			if f.Path == "" {
				return
			}
			if g, _ := fix(t, c.schema, "fichier-corrige.csv", repaired); g.Path != "" {
				t.Errorf("a second repair did something: %+v", g.After.Repairs)
			}
			if c.lost {
				return
			}
			compareTables(t, s, good, readRepaired(t, repaired, s))
			if f.Before.Valid && !onlyCoordinates(f.After.Repairs) {
				t.Errorf("the file had no fault to begin with")
			}
		})
	}
	t.Logf("%d of %d are valid after repair", valid, len(spoiltFiles))
	if valid*100 < 80*len(spoiltFiles) {
		t.Errorf("%d of %d are valid after repair", valid, len(spoiltFiles))
	}
}

func onlyCoordinates(list []schemas.Repair) bool {
	return !slices.ContainsFunc(list, func(r schemas.Repair) bool { return r.Op != "lonlat-swap" && r.Op != "lambert93" })
}

// compareTables wants a repaired table to say what the good one says.
func compareTables(t *testing.T, s *schemas.Schema, good *sheet, got [][]string) {
	t.Helper()
	if !slices.Equal(got[0], good.labels) || len(got) != len(good.rows)+1 {
		t.Fatalf("labels %q, %d rows; want %q, %d", got[0], len(got)-1, good.labels, len(good.rows))
	}
	for r, row := range good.rows {
		for c, want := range row {
			var f *schemas.Field
			if i := s.Field(good.labels[c]); i >= 0 {
				f = &s.Fields[i]
			}
			if !sameMeaning(f, want, got[r+1][c]) {
				t.Errorf("row %d, %s: %q, want %q", r+2, good.labels[c], got[r+1][c], want)
			}
		}
	}
}

func TestFix_LeavesValidFilesAlone(t *testing.T) {
	n := 0
	for _, s := range schemas.National().All() {
		if s.Form != schemas.Table {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", "schemas", "national", s.ID.Name(), s.ID.Version(), "valid.csv")); err != nil {
			continue
		}
		n++
		text := string(sample(t, s).bytes(t))
		dir := t.TempDir()
		f, err := harvest.Fix(context.Background(), input("fichier.csv", text), harvest.Validation{Schema: s}, dir)
		if err != nil || f.Path != "" || len(f.After.Repairs) > 0 {
			t.Errorf("%s: %+v, %v", s.ID, f.After.Repairs, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: files are left: %v", s.ID, left)
		}
	}
	if n < 30 {
		t.Errorf("only %d samples", n)
	}
}

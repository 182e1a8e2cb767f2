package rehearsal

import "strings"

// frequencies are the codes of the EU list, with the days that data.gouv.fr allows between two updates: 0 where it asks for none, -1 where
// nothing is expected in time.
var frequencies = map[string]float64{
	"UPDATE_CONT": 0, "CONT": 1, "1MIN": 1, "5MIN": 1, "10MIN": 1, "15MIN": 1, "30MIN": 1, "HOURLY": 1, "BIHOURLY": 1, "TRIHOURLY": 1, "12HRS": 1,
	"DAILY_3": 1, "DAILY_2": 1, "DAILY": 1, "WEEKLY_5": 2, "WEEKLY_3": 3, "WEEKLY_2": 4, "WEEKLY": 7, "BIWEEKLY": 14, "MONTHLY_3": 10, "MONTHLY_2": 15,
	"MONTHLY": 31, "BIMONTHLY": 62, "QUARTERLY": 92, "ANNUAL_3": 122, "ANNUAL_2": 183, "ANNUAL": 366, "BIENNIAL": 731, "TRIENNIAL": 1096, "QUADRENNIAL": 1461,
	"QUINQUENNIAL": 1827, "DECENNIAL": 3653, "BIDECENNIAL": 7305, "TRIDECENNIAL": 10958, "AS_NEEDED": 0, "IRREG": 0, "NEVER": 0, "NOT_PLANNED": 0, "OTHER": -1, "UNKNOWN": -1,
}

// dublinFrequencies are the addresses of Dublin Core for the same.
var dublinFrequencies = map[string]string{
	"triennial": "TRIENNIAL", "biennial": "BIENNIAL", "annual": "ANNUAL", "semiannual": "ANNUAL_2", "threeTimesAYear": "ANNUAL_3", "quarterly": "QUARTERLY",
	"bimonthly": "BIMONTHLY", "monthly": "MONTHLY", "semimonthly": "MONTHLY_2", "biweekly": "BIWEEKLY", "threeTimesAMonth": "MONTHLY_3", "weekly": "WEEKLY",
	"semiweekly": "WEEKLY_2", "threeTimesAWeek": "WEEKLY_3", "daily": "DAILY", "continuous": "UPDATE_CONT", "irregular": "IRREG",
}

// frequencyOf is the EU code that data.gouv.fr reads, "" when it reads none.
func frequencyOf(iri string) string {
	iri = strings.TrimSuffix(iri, "/")
	if code, ok := strings.CutPrefix(iri, authority+"frequency/"); ok {
		code = strings.ToUpper(code)
		if _, ok := frequencies[code]; ok {
			return code
		}
		return ""
	}
	for _, at := range []string{"http://purl.org/cld/freq/", "https://purl.org/cld/freq/"} {
		if name, ok := strings.CutPrefix(iri, at); ok {
			return dublinFrequencies[name]
		}
	}
	return ""
}

// hvdTags are the categories of high-value datasets, with the tag that data.gouv.fr gives.
var hvdTags = map[string]string{
	"http://data.europa.eu/bna/c_164e0bf5": "meteorologiques", "http://data.europa.eu/bna/c_a9135398": "entreprises-et-propriete-d-entreprises",
	"http://data.europa.eu/bna/c_ac64a52d": "geospatiales", "http://data.europa.eu/bna/c_b79e35eb": "mobilite",
	"http://data.europa.eu/bna/c_dd313021": "observation-de-la-terre-et-environnement", "http://data.europa.eu/bna/c_e1da4e07": "statistiques",
}

// A licence is one that data.gouv.fr knows.
type licence struct{ id, url, title string }

var licences = []licence{
	{"lov2", "https://www.etalab.gouv.fr/licence-ouverte-open-licence", "Licence Ouverte / Open Licence version 2.0"},
	{"fr-lo", "https://www.etalab.gouv.fr/wp-content/uploads/2014/05/Licence_Ouverte.pdf", "Licence Ouverte / Open Licence"},
	{"odc-odbl", "http://opendatacommons.org/licenses/odbl/summary/", "Open Data Commons Open Database License (ODbL)"},
	{"odc-by", "http://opendatacommons.org/licenses/by/summary/", "Open Data Commons Attribution License"},
	{"odc-pddl", "http://opendatacommons.org/licenses/pddl/summary/", "Open Data Commons Public Domain Dedication and Licence (PDDL)"},
	{"cc-by", "http://www.opendefinition.org/licenses/cc-by", "Creative Commons Attribution"},
	{"cc-by-sa", "http://www.opendefinition.org/licenses/cc-by-sa", "Creative Commons Attribution Share-Alike"},
	{"cc-zero", "http://www.opendefinition.org/licenses/cc-zero", "Creative Commons CCZero"},
}

// tolerance is how many letters may differ.
const tolerance = 2

// licenceOf finds the licence that data.gouv.fr recognises in an address or a label: the same whatever the case, or with two letters of
// difference at most.
func licenceOf(text string) (licence, bool) {
	text = strings.ToLower(strings.TrimRight(strings.TrimSpace(text), "/"))
	if text == "" {
		return licence{}, false
	}
	best, found := tolerance+1, licence{}
	for _, l := range licences {
		for i, name := range []string{l.id, l.url, l.title} {
			name = strings.ToLower(strings.TrimRight(name, "/"))
			if name == text {
				return l, true
			}
			if i == 0 { // identifiers are too short for letters to differ
				continue
			}
			if d := distance(name, text, best); d < best {
				best, found = d, l
			}
		}
	}
	return found, best <= tolerance
}

// distance is how many letters must be added, removed or changed, or at least limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
			least = min(least, row[j+1])
		}
		if least >= limit {
			return limit
		}
	}
	return row[len(b)]
}

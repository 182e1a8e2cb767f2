package rehearsal

import (
	"strings"
	"time"
	"unicode/utf8"
)

// criterionAvailable is the one that only asking for the files settles.
const criterionAvailable = "fichiers disponibles"

// closedFormats are those that data.gouv.fr does not call open.
var closedFormats = set("pdf doc docx word xls xlsx excel")

// score is the mark of quality of a dataset, and advice on what it lacks.
func (r *reader) score(p *page, s Term, i *Item) {
	open, described, away := false, false, false
	for _, f := range i.Files {
		open = open || f.Format != "" && !closedFormats[strings.ToLower(f.Format)]
		described = described || f.Description != ""
		away = away || f.away
	}
	i.Score = &Score{Criteria: []Criterion{
		{"licence précisée", i.Licence != ""},
		{"période couverte", i.Temporal != nil},
		{"territoire couvert", i.Spatial != nil},
		{"fréquence de mise à jour", i.Frequency != "" && i.Frequency != "UNKNOWN"},
		{"mise à jour dans les temps", r.inTime(i)},
		{"description de plus de cent caractères", utf8.RuneCountInString(i.Description) > 100},
		{"un fichier dans un format ouvert", open},
		{criterionAvailable, len(i.Files) > 0 && !away},
		{"un fichier décrit", described},
	}}
	i.Score.count()
	if len(i.Files) > 0 {
		if !open {
			r.note(p, s, dct+"format", "file-closed")
		}
		if !described {
			r.note(p, s, dct+"description", "file-words")
		}
	}
}

func (s *Score) count() {
	s.Points = 0
	for _, c := range s.Criteria {
		if c.Met {
			s.Points++
		}
	}
}

// inTime tells whether the last change is no older than the frequency allows, a day more. Rhythms that promise nothing are always in time.
func (r *reader) inTime(i *Item) bool {
	days, known := frequencies[i.Frequency]
	if !known || days < 0 {
		return false
	}
	if days == 0 {
		return true
	}
	last, _ := parseDate(i.Modified)
	for _, f := range i.Files {
		if t, ok := parseDate(f.Modified); ok && t.After(last) {
			last = t
		}
	}
	return !last.IsZero() && last.Add(time.Duration((days+1)*24)*time.Hour).After(r.Now)
}

package rehearsal

import (
	"cmp"
	"net/url"
	"slices"
)

// A Summary keeps of a harvest what the next one must not take away. Its JSON is kept by the store.
type Summary struct {
	Address string        `json:"address"`
	Items   []SummaryItem `json:"items"`
	Stopped []string      `json:"stopped,omitempty"` // rules that end the whole harvest
}

// A SummaryItem is one dataset or API.
type SummaryItem struct {
	Identifier string   `json:"identifier"`
	IRI        string   `json:"iri,omitempty"` // when it is another
	Kind       string   `json:"kind"`
	Title      string   `json:"title"`
	Outcome    Outcome  `json:"outcome"`
	Fields     []string `json:"fields"` // those that are stored, as in fieldNames
	Files      []string `json:"files"`  // addresses
}

// fieldNames are the fields that must not get lost, with what people call them.
var fieldNames = map[string]string{
	"licence": "la licence", "schema": "le schéma national", "frequency": "la fréquence", "temporal": "la période couverte", "spatial": "le territoire couvert",
	"hvd": "la catégorie de forte valeur", "contact": "le contact", "tags": "les mots-clés", "description": "la description", "endpoint": "l’adresse de l’API",
}

// Summary is what a report says of the harvest to come.
func (r *Report) Summary() Summary {
	s := Summary{Address: r.Address, Items: []SummaryItem{}}
	for _, f := range r.Findings {
		if f.Effect == Stops && !slices.Contains(s.Stopped, f.Rule) {
			s.Stopped = append(s.Stopped, f.Rule)
		}
	}
	for _, i := range r.Items {
		one := SummaryItem{Identifier: i.Identifier, Kind: i.Kind, Title: i.Title, Outcome: i.Outcome, Fields: i.fields(), Files: []string{}}
		if i.IRI != i.Identifier {
			one.IRI = i.IRI
		}
		for _, f := range i.Files {
			one.Files = append(one.Files, f.URL)
		}
		s.Items = append(s.Items, one)
	}
	return s
}

// fields are the names of what is stored.
func (i *Item) fields() []string {
	asked := slices.ContainsFunc(i.Contacts, func(c Contact) bool { return c.Role == "contact" })
	out := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"licence", i.Licence != ""}, {"schema", i.National() != nil}, {"frequency", i.Frequency != ""}, {"temporal", i.Temporal != nil}, {"spatial", i.Spatial != nil},
		{"hvd", len(i.HVD) > 0}, {"contact", asked}, {"tags", len(i.Tags) > 0}, {"description", i.Description != ""}, {"endpoint", i.Endpoint != ""},
	} {
		if f.has {
			out = append(out, f.name)
		}
	}
	return out
}

// Sound tells a catalogue that may be harvested at all: nothing stops the harvest, and no dataset is refused or passed over.
func (s Summary) Sound() bool {
	return len(s.Stopped) == 0 && !slices.ContainsFunc(s.Items, func(i SummaryItem) bool { return i.Outcome != Stored })
}

// A Loss is one thing that a harvest would take away.
type Loss struct {
	Key        string `json:"key"`                  // stable: it names the same loss from one rehearsal to the next
	Identifier string `json:"identifier,omitempty"` // of the dataset or API
	IRI        string `json:"iri,omitempty"`
	Title      string `json:"title,omitempty"`
	Kind       string `json:"kind"`           // "stopped", "moved", "gone", "refused", "file", or a field: "licence"
	File       string `json:"file,omitempty"` // address that is gone
	Text       string `json:"text"`           // French
}

// Losses compares two harvests of one catalogue: what the first brought and the second would take away or no longer bring. New things that are
// wrong from the start are no loss, but for those that stop the harvest of all. A catalogue that was only ever reached on a local network
// has nothing to lose.
func Losses(before, after Summary) []Loss {
	losses := []Loss{}
	for _, code := range after.Stopped {
		if !slices.Contains(before.Stopped, code) {
			losses = append(losses, Loss{Key: "stopped " + code, Kind: "stopped", Text: finding(code, placeholders(code)...).Text})
		}
	}
	if _, internal := internalHost(before.Address); internal {
		return losses
	}
	if from, to := site(before.Address), site(after.Address); from != "" && from != to {
		return append(losses, Loss{Key: "moved " + from + " " + to, Kind: "moved", Text: spaced("L’adresse du portail est passée de " + from + " à " + to +
			" : tous les identifiants changent, et data.gouv.fr ferait un double de chaque jeu.")})
	}
	now := map[string]*SummaryItem{}
	for i := range after.Items {
		if one := &after.Items[i]; now[one.Identifier] == nil || one.Outcome == Stored {
			now[one.Identifier] = one
		}
	}
	for i := range before.Items {
		if b := &before.Items[i]; b.Outcome == Stored {
			losses = append(losses, b.lost(now[b.Identifier])...)
		}
	}
	return losses
}

// site is the beginning of an address, up to its path.
func site(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// placeholders stand where a rule quotes what a summary does not keep.
func placeholders(code string) (args []any) {
	for i, c := range rules[code].what {
		if c == '%' && rules[code].what[i+1] == 's' {
			args = append(args, "…")
		}
	}
	return args
}

// lost is what an item lost; after is nil when it is gone.
func (b *SummaryItem) lost(after *SummaryItem) (losses []Loss) {
	say := func(kind, file, text string) {
		losses = append(losses, Loss{Key: kind + " " + b.Identifier + " " + file, Identifier: b.Identifier, IRI: cmp.Or(b.IRI, b.Identifier), Title: b.Title, Kind: kind, File: file, Text: spaced(text)})
	}
	noun := "Le jeu « " + b.Title + " »"
	if b.Kind == "service" {
		noun = "L’API « " + b.Title + " »"
	}
	switch {
	case after == nil:
		say("gone", "", noun+" n’est plus dans le catalogue : data.gouv.fr l’archiverait après sept jours, et un nouvel identifiant créerait un double.")
		return losses
	case after.Outcome != Stored:
		say("refused", "", noun+" serait refusé par data.gouv.fr, qui garderait l’ancien sans le mettre à jour.")
	}
	for _, f := range b.Fields {
		if !slices.Contains(after.Fields, f) {
			say(f, "", noun+" perdrait "+fieldNames[f]+".")
		}
	}
	for _, url := range b.Files {
		if !slices.Contains(after.Files, url) {
			say("file", url, noun+" n’a plus de fichier à l’adresse "+url+" : data.gouv.fr garderait l’ancien, que plus rien ne met à jour.")
		}
	}
	return losses
}

// Unsound are the reasons why a catalogue that nothing came before is not one to begin with, as losses.
func (s Summary) Unsound() []Loss {
	losses := Losses(Summary{}, s)
	for i := range s.Items {
		if one := &s.Items[i]; one.Outcome != Stored {
			what := "Le jeu « " + one.Title + " »"
			if one.Kind == "service" {
				what = "L’API « " + one.Title + " »"
			}
			losses = append(losses, Loss{Key: "refused " + cmp.Or(one.Identifier, one.IRI) + " ", Identifier: one.Identifier, IRI: cmp.Or(one.IRI, one.Identifier), Title: one.Title, Kind: "refused",
				Text: spaced(what + " serait refusé par data.gouv.fr.")})
		}
	}
	return losses
}

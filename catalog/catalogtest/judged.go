package catalogtest

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/reference"

	"github.com/google/uuid"
)

// A Trait is what a judgment may ask of a dataset: "lieu" (code of the commune, or SIREN of another member), "sujet", "annee", "genre", "serie".
type Trait struct{ Name, Value string }

// A JudgedDataset is a dataset of the judged catalogue with its traits, which no index sees.
type JudgedDataset struct {
	catalog.Dataset
	Traits []Trait
}

// JudgedNow is the moment of the judged searches.
var JudgedNow = time.Date(2026, 9, 15, 9, 0, 0, 0, time.UTC)

// A template is one sort of dataset that communes publish: share of a hundred, and titles among which one is drawn; %s is the name with its preposition.
type template struct {
	subject, schema string
	share, from     int // of a hundred communes; the smallest that publishes it, in inhabitants
	titles          []string
	keywords        []string
	text            string
	theme           string
}

// templates are sorts of datasets as towns name them: with and without the name, the year, the acronym, the whole words.
var templates = []template{
	{"deliberations", "scdl/deliberations", 75, 300, []string{"Délibérations du conseil municipal %s", "Délibérations %s", "Conseil municipal : délibérations votées", "Délibs %s", "Actes du conseil municipal %s"}, []string{"conseil municipal"}, "Objet, date et résultat du vote de chaque délibération.", "GOVE"},
	{"subventions", "scdl/subventions", 45, 600, []string{"Subventions versées aux associations", "Subventions attribuées par la commune %s", "Subventions %s", "Aides financières aux associations %s"}, []string{"associations"}, "Bénéficiaire, montant et objet de chaque aide votée.", "ECON"},
	{"adresses", "etalab/schema-bal", 60, 0, []string{"Base adresse locale %s", "Adresses de la commune %s", "BAL %s", "Voies et adresses"}, []string{"adressage"}, "Une ligne par numéro : voie, position et date de mise à jour.", "REGI"},
	{"budget", "scdl/budget", 30, 1000, []string{"Budget primitif 2026 %s", "Budget primitif 2025", "Budgets %s"}, []string{"finances"}, "Crédits votés, chapitre par chapitre.", "ECON"},
	{"compte", "scdl/budget", 25, 1000, []string{"Compte administratif 2024 %s", "Compte administratif 2025", "Comptes administratifs %s"}, []string{"finances"}, "Dépenses et recettes réalisées.", "ECON"},
	{"equipements", "scdl/equipements", 30, 800, []string{"Équipements publics %s", "Liste des équipements communaux", "Équipements sportifs et culturels %s"}, []string{"salles", "stades"}, "Nom, nature, adresse et accès.", "REGI"},
	{"prenoms", "scdl/prenoms", 15, 2000, []string{"Prénoms des nouveau-nés %s", "Prénoms des enfants nés dans la commune"}, []string{"état civil"}, "Nombre de naissances par prénom et par année.", "SOCI"},
	{"menus", "scdl/menus-collectifs", 20, 1500, []string{"Menus de la restauration scolaire %s", "Menus des cantines"}, []string{"écoles"}, "Plats servis, jour par jour.", "EDUC"},
	{"irve", "etalab/schema-irve-statique", 20, 1200, []string{"Bornes de recharge pour véhicules électriques %s", "IRVE %s"}, []string{"mobilité"}, "Emplacement, puissance et prises de chaque point de charge.", "TRAN"},
	{"defibrillateurs", "atlasante/schema-dae", 20, 500, []string{"Défibrillateurs %s", "DAE de la commune"}, []string{"santé", "secours"}, "Emplacement et accès des appareils.", "HEAL"},
	{"marches", "139bercy/format-commande-publique", 25, 1500, []string{"Marchés publics %s", "Données essentielles de la commande publique", "DECP %s"}, []string{"achats"}, "Objet, montant, durée et titulaires.", "GOVE"},
	{"arbres", "", 12, 2000, []string{"Patrimoine arboré %s", "Arbres d’alignement"}, []string{"nature"}, "Espèce, hauteur et position.", "ENVI"},
	{"horaires", "", 20, 500, []string{"Horaires des services municipaux %s", "Horaires d’ouverture de la mairie %s"}, []string{"mairie"}, "Jours et heures d’ouverture.", "GOVE"},
	{"agenda", "", 12, 1500, []string{"Agenda des manifestations %s", "Agenda culturel"}, []string{"fêtes"}, "Bal, marché, concerts : dates et lieux.", "EDUC"},
	{"commerces", "", 8, 2000, []string{"Marché hebdomadaire %s : emplacements", "Foires et marchés %s"}, []string{"commerce"}, "Jours, places et commerçants.", "ECON"},
	{"vote", "", 15, 1000, []string{"Bureaux de vote %s", "Périmètre des bureaux de vote"}, []string{"élections"}, "Adresse et périmètre.", "GOVE"},
	{"voirie", "", 15, 800, []string{"Tableau des voies communales %s", "Travaux de voirie %s"}, []string{"routes"}, "Nom, longueur et revêtement.", "TRAN"},
	{"stationnement", "etalab/schema-stationnement", 12, 3000, []string{"Parcs de stationnement %s", "Parkings de la ville"}, []string{"voiture"}, "Places, tarifs et hauteur.", "TRAN"},
	{"toilettes", "", 8, 2000, []string{"Toilettes publiques %s"}, []string{"propreté"}, "Emplacement, horaires, accès en fauteuil.", "REGI"},
	{"cimetiere", "", 8, 1000, []string{"Concessions du cimetière %s"}, []string{"funéraire"}, "Emplacements et durées, sans nom.", "GOVE"},
}

// groupingTemplates are those of groupings.
var groupingTemplates = []template{
	{"deliberations", "scdl/deliberations", 100, 0, []string{"Délibérations du conseil communautaire"}, []string{"conseil communautaire"}, "Objet, date et résultat du vote.", "GOVE"},
	{"subventions", "scdl/subventions", 70, 0, []string{"Subventions versées par la communauté", "Subventions aux associations et aux entreprises"}, nil, "Bénéficiaire, montant et objet.", "ECON"},
	{"dechets", "", 100, 0, []string{"Déchèteries : adresses et horaires", "Points d’apport volontaire", "Tonnages de déchets collectés"}, []string{"ordures ménagères", "tri"}, "Ce qui est collecté, où et quand.", "ENVI"},
	{"marches", "139bercy/format-commande-publique", 80, 0, []string{"Marchés publics de la communauté de communes", "DECP"}, []string{"achats"}, "Objet, montant et titulaires.", "GOVE"},
	{"urbanisme", "", 70, 0, []string{"Plan local d’urbanisme intercommunal", "Zonage du PLUi"}, []string{"PLUi"}, "Zones, prescriptions et pièces écrites.", "REGI"},
	{"budget", "scdl/budget", 60, 0, []string{"Budget primitif 2026", "Budgets de la communauté"}, []string{"finances"}, "Crédits votés.", "ECON"},
	{"velo", "etalab/schema-amenagements-cyclables", 50, 0, []string{"Aménagements cyclables", "Voies vertes et pistes cyclables"}, []string{"vélo"}, "Tracé et nature des aménagements.", "TRAN"},
	{"covoiturage", "etalab/schema-lieux-covoiturage", 40, 0, []string{"Aires de covoiturage"}, []string{"voiture"}, "Position et nombre de places.", "TRAN"},
	{"tourisme", "", 60, 0, []string{"Hébergements touristiques", "Taxe de séjour : tarifs"}, []string{"tourisme"}, "Nature et capacité.", "ECON"},
	{"randonnee", "PnX-SI/schema_randonnee", 60, 0, []string{"Sentiers de randonnée", "Itinéraires de randonnée balisés"}, []string{"balades"}, "Tracé, longueur et difficulté.", "TOUR"},
	{"zones", "cnigfr/sites-economiques-site-eco", 50, 0, []string{"Zones d’activité économique"}, []string{"ZAE"}, "Surface, entreprises et places libres.", "ECON"},
	{"assainissement", "", 50, 0, []string{"Stations d’épuration", "Contrôles du SPANC"}, []string{"eaux usées"}, "Capacité et résultats.", "ENVI"},
}

// areaTemplates are those of the département and of the bodies beside communes, one each.
var areaTemplates = []struct {
	member   catalog.Member
	datasets []template
}{
	{catalog.Member{SIREN: "223900010", Name: "Département du Jura", Kind: catalog.Departement}, []template{
		{"budget", "scdl/budget", 100, 0, []string{"Budget primitif 2026 du Département du Jura"}, []string{"finances"}, "Crédits votés.", "ECON"},
		{"subventions", "scdl/subventions", 100, 0, []string{"Subventions attribuées par le Département"}, nil, "Bénéficiaire, montant et objet.", "ECON"},
		{"colleges", "", 100, 0, []string{"Collèges publics du Jura : effectifs et secteurs"}, []string{"enseignement"}, "Effectifs par collège.", "EDUC"},
		{"routes", "", 100, 0, []string{"Réseau routier départemental", "Comptages routiers"}, []string{"trafic"}, "Sections et trafics.", "TRAN"},
		{"randonnee", "PnX-SI/schema_randonnee", 100, 0, []string{"Plan départemental des itinéraires de randonnée (PDIPR)"}, nil, "Tracés inscrits.", "TOUR"},
		{"deliberations", "scdl/deliberations", 100, 0, []string{"Délibérations du conseil départemental"}, nil, "Votes de l’assemblée.", "GOVE"},
		{"rsa", "", 100, 0, []string{"Bénéficiaires du RSA par canton"}, []string{"social"}, "Nombre de foyers.", "SOCI"},
	}},
	{catalog.Member{SIREN: "253900781", Name: "Service départemental d’incendie et de secours du Jura", Kind: catalog.Autre}, []template{
		{"pei", "datakode/schema-pei", 100, 0, []string{"Points d’eau incendie du département"}, []string{"DECI"}, "Poteaux, bouches et citernes.", "REGI"},
		{"casernes", "", 100, 0, []string{"Centres d’incendie et de secours"}, []string{"pompiers"}, "Adresse et effectif des casernes.", "REGI"},
	}},
	{catalog.Member{SIREN: "253901120", Name: "SICTOM de la zone de Lons-le-Saunier", Kind: catalog.Syndicat}, []template{
		{"dechets", "", 100, 0, []string{"Calendrier de collecte des ordures ménagères", "Déchèteries du SICTOM"}, []string{"déchets"}, "Jours de collecte, rue par rue.", "ENVI"},
	}},
	{catalog.Member{SIREN: "263900247", Name: "CCAS de Dole", Kind: catalog.Autre}, []template{
		{"aidesociale", "", 100, 0, []string{"Secours et aides attribués, par nature"}, []string{"action sociale"}, "Montants par nature d’aide.", "SOCI"},
		{"budget", "scdl/budget", 100, 0, []string{"Budget du CCAS"}, nil, "Crédits votés.", "ECON"},
	}},
	{catalog.Member{SIREN: "253902011", Name: "Syndicat des eaux du Val d’Amour", Kind: catalog.Syndicat}, []template{
		{"eau", "", 100, 0, []string{"Qualité de l’eau distribuée", "Prix de l’eau par commune"}, []string{"eau potable"}, "Résultats des analyses.", "ENVI"},
	}},
}

// Operator is who publishes the series of the judged catalogue.
var Operator = catalog.Member{SIREN: "200099999", Name: "Jura Numérique", Kind: catalog.Syndicat}

// Judged makes the catalogue of the judged searches: communes and groupings of the Jura by their names, what they publish invented. It is always the same.
func Judged() []JudgedDataset {
	b := judgedBuilder{r: rand.New(rand.NewPCG(39, 2026))}
	communes, groupings := jurassic()
	for _, m := range communes {
		b.member(m, m.INSEE, templates)
	}
	for _, m := range groupings {
		b.member(m, m.SIREN, groupingTemplates)
	}
	for _, a := range areaTemplates {
		for _, t := range a.datasets {
			for i := range t.titles {
				b.add(a.member, a.member.SIREN, t, t.titles[i])
			}
		}
	}
	b.series()
	return b.all
}

// jurassic lists the communes of the Jura of 300 inhabitants and more, the largest first, and its groupings.
func jurassic() (communes, groupings []catalog.Member) {
	seen := map[string]bool{}
	for n := 1; n < 600; n++ {
		c, ok := reference.FindCommune(fmt.Sprintf("39%03d", n))
		if !ok {
			continue
		}
		if e, ok := reference.FindEPCI(c.EPCI); ok && !seen[e.SIREN] {
			seen[e.SIREN] = true
			name := strings.Replace(strings.Replace(e.Name, "CC ", "Communauté de communes ", 1), "CA ", "Communauté d’agglomération ", 1)
			groupings = append(groupings, catalog.Member{SIREN: e.SIREN, Name: name, Kind: catalog.EPCI, Population: e.Population})
		}
		if c.Population >= 300 && c.SIREN != "" {
			communes = append(communes, catalog.Member{SIREN: c.SIREN, Name: c.Name, Kind: catalog.Commune, INSEE: c.INSEE, Population: c.Population})
		}
	}
	slices.SortStableFunc(communes, func(a, b catalog.Member) int { return b.Population - a.Population })
	slices.SortFunc(groupings, func(a, b catalog.Member) int { return cmp.Compare(a.SIREN, b.SIREN) })
	return communes, groupings
}

type judgedBuilder struct {
	r   *rand.Rand
	all []JudgedDataset
}

func (b *judgedBuilder) member(m catalog.Member, place string, list []template) {
	for _, t := range list {
		large := m.Population >= 5000 // towns publish everything
		if drawn := b.r.IntN(100) < t.share; m.Population < t.from || !drawn && !large {
			continue
		}
		title := t.titles[b.r.IntN(len(t.titles))]
		if strings.Contains(title, "%s") {
			title = fmt.Sprintf(title, of(m.Name))
		}
		b.add(m, place, t, title)
	}
}

// of is a name behind its preposition.
func of(name string) string {
	for article, with := range map[string]string{"Le ": "du ", "Les ": "des ", "La ": "de La "} {
		if rest, ok := strings.CutPrefix(name, article); ok {
			return with + rest
		}
	}
	if strings.ContainsRune("AEIOUYÉÈÂÎ", []rune(name)[0]) {
		return "d’" + name
	}
	return "de " + name
}

func (b *judgedBuilder) add(m catalog.Member, place string, t template, title string) {
	key := cmp.Or(t.schema, t.subject) + strconv.Itoa(len(b.all))
	rows := int64(20 + b.r.IntN(4000))
	d := catalog.Dataset{
		ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(m.SIREN+key+title)), Key: key, Member: m, Title: title, Description: t.text, SchemaName: t.schema, Keywords: t.keywords,
		Themes: []string{t.theme}, License: "lov2", Status: catalog.DatasetPublished, Valid: b.r.IntN(10) > 1, Rows: rows,
		Modified: JudgedNow.AddDate(0, 0, -b.r.IntN(700)), Files: []catalog.File{{Format: "csv"}, {Format: "parquet"}},
	}
	if b.r.IntN(5) == 0 {
		d.Rejected = rows / 20
	}
	if b.r.IntN(12) == 0 {
		d.Status = catalog.DatasetStale
	}
	traits := []Trait{{"lieu", place}, {"sujet", t.subject}, {"genre", string(m.Kind)}}
	for w := range strings.FieldsSeq(title) {
		if len(w) == 4 && strings.HasPrefix(w, "20") {
			traits = append(traits, Trait{"annee", w})
			d.TemporalFrom, d.TemporalTo = w+"-01-01", w+"-12-31"
		}
	}
	b.all = append(b.all, JudgedDataset{d, traits})
}

// series adds the series of the schemas that three members or more publish.
func (b *judgedBuilder) series() {
	count, subject := map[string]int{}, map[string]string{}
	for _, d := range b.all {
		if d.SchemaName != "" {
			count[d.SchemaName]++
			subject[d.SchemaName] = d.Traits[1].Value
		}
	}
	titles := map[string]string{"scdl/deliberations": "Délibérations de l’assemblée locale", "scdl/subventions": "Subventions versées par la collectivité", "etalab/schema-bal": "Base Adresse Locale",
		"scdl/budget": "Budget voté et comptes de la collectivité", "scdl/equipements": "Équipements publics du territoire", "scdl/prenoms": "Prénoms des enfants nés dans la commune",
		"scdl/menus-collectifs": "Menus de la restauration collective", "etalab/schema-irve-statique": "Bornes de recharge pour véhicules électriques", "atlasante/schema-dae": "Défibrillateurs",
		"139bercy/format-commande-publique": "Données essentielles de la commande publique", "etalab/schema-stationnement": "Parcs de stationnement", "PnX-SI/schema_randonnee": "Itinéraires de randonnée",
		"etalab/schema-amenagements-cyclables": "Aménagements cyclables", "etalab/schema-lieux-covoiturage": "Lieux de covoiturage"}
	for _, schema := range slices.Sorted(maps.Keys(count)) {
		if count[schema] < 3 || titles[schema] == "" {
			continue
		}
		n := len(b.all)
		b.add(Operator, Operator.SIREN, template{subject: subject[schema], schema: schema, text: "Les lignes de toutes les collectivités, réunies chaque jour en un seul fichier.", theme: "GOVE"}, titles[schema]+" (toutes les collectivités)")
		d := &b.all[n]
		d.Key, d.Status, d.Valid, d.Rejected, d.Modified = catalog.SeriesKey(schema), catalog.DatasetPublished, true, 0, JudgedNow.Add(-8*time.Hour)
		d.Traits = append(d.Traits, Trait{"serie", "oui"})
	}
}

//go:embed judged.tsv
var judgedQueries string

// A JudgedQuery is one search and what a person wants of it: grades from 3 (what was looked for) to 1 (better than nothing).
type JudgedQuery struct {
	Class, Text string
	wants       []want
}

// A want gives a grade to the datasets that have all the traits.
type want struct {
	grade  int
	traits []Trait
}

// JudgedQueries reads judged.tsv.
func JudgedQueries(t testing.TB) (list []JudgedQuery) {
	for line := range strings.Lines(judgedQueries) {
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, "\t")
		if len(cells) != 3 {
			t.Fatalf("judged.tsv: %q has %d cells, not 3", line, len(cells))
		}
		q := JudgedQuery{Class: cells[0], Text: cells[1]}
		for part := range strings.SplitSeq(cells[2], ";") {
			words := strings.Fields(part)
			grade, err := strconv.Atoi(words[0])
			if err != nil || grade < 1 || grade > 3 || len(words) < 2 {
				t.Fatalf("judged.tsv: %q: no grade with traits", part)
			}
			w := want{grade: grade}
			for _, word := range words[1:] {
				name, value, _ := strings.Cut(word, "=")
				w.traits = append(w.traits, Trait{name, value})
			}
			q.wants = append(q.wants, w)
		}
		list = append(list, q)
	}
	return list
}

// Grade is what a dataset is worth to who asks.
func (q *JudgedQuery) Grade(d *JudgedDataset) (grade int) {
	for _, w := range q.wants {
		if !slices.ContainsFunc(w.traits, func(t Trait) bool { return !slices.Contains(d.Traits, t) }) {
			grade = max(grade, w.grade)
		}
	}
	return grade
}

// NDCG measures the first ten answers of an index against the judgments: 1 is the best order that the catalogue allows. A query for which no dataset has a
// grade is a fault of the judgments.
func NDCG(t testing.TB, x catalog.Index, all []JudgedDataset, q JudgedQuery) float64 {
	t.Helper()
	grades := map[string]int{}
	var ideal []int
	for i := range all {
		if g := q.Grade(&all[i]); g > 0 {
			grades[all[i].ID.String()] = g
			ideal = append(ideal, g)
		}
	}
	if len(ideal) == 0 {
		t.Fatalf("%q: no dataset has a grade", q.Text)
	}
	page, err := x.Search(context.Background(), catalog.Query{Text: q.Text, Size: 10, Now: JudgedNow})
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, id := range page.IDs {
		got = append(got, grades[id])
	}
	slices.SortFunc(ideal, func(a, b int) int { return b - a })
	return gain(got) / gain(ideal)
}

func gain(grades []int) (sum float64) {
	for i, g := range grades[:min(len(grades), 10)] {
		sum += (math.Pow(2, float64(g)) - 1) / math.Log2(float64(i+2))
	}
	return sum
}

package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
)

// A sheet builds a CSV in one dialect.
type sheet struct {
	bytes.Buffer
	comma string
	eol   string
}

func (s *sheet) row(cells ...string) {
	for i, c := range cells {
		if i > 0 {
			s.WriteString(s.comma)
		}
		if strings.ContainsAny(c, s.comma+"\"\n") {
			c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		s.WriteString(c)
	}
	s.WriteString(s.eol)
}

// latin is the sheet in Windows-1252.
func (s *sheet) latin() []byte {
	b, err := charmap.Windows1252.NewEncoder().Bytes(s.Bytes())
	if err != nil {
		panic("demo: text outside Windows-1252: " + err.Error())
	}
	return b
}

// date is a day of the last three years, as ISO.
func date(g *rand.Rand) time.Time {
	return time.Date(2023+g.IntN(3), time.Month(1+g.IntN(12)), 1+g.IntN(28), 0, 0, 0, 0, time.UTC)
}

// comma writes cents the French way: 1 234,50.
func comma(cents int) string {
	s := fmt.Sprint(cents / 100)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return fmt.Sprintf("%s,%02d", s, cents%100)
}

// rows is how many rows a body has, by its size.
func rows(b body, least, perThousand, most int) int {
	return min(least+b.Population*perThousand/1000, most)
}

var (
	matters = []struct{ code, name, object string }{
		{"7.1", "finances locales/décisions budgétaires", "Vote du budget primitif"}, {"7.5", "finances locales/subventions", "Attribution de subventions aux associations"},
		{"1.1", "commande publique/marchés publics", "Attribution du marché de réfection de la voirie"}, {"3.1", "domaine et patrimoine/acquisitions", "Acquisition d’une parcelle au lieu-dit Les Essarts"},
		{"4.1", "fonction publique/personnel titulaire", "Modification du tableau des effectifs"}, {"8.1", "domaines de compétences par thèmes/enseignement", "Organisation du temps scolaire"},
		{"2.1", "urbanisme/documents d’urbanisme", "Approbation de la modification du plan local d’urbanisme"}, {"5.2", "institutions et vie politique/fonctionnement des assemblées", "Adoption du règlement intérieur"},
		{"9.1", "autres domaines de compétences/autres domaines", "Motion en faveur de la ligne ferroviaire"},
	}
	clubs   = []string{"Les Amis de l’orgue", "Union sportive", "Foyer rural", "Comité des fêtes", "Coopérative scolaire Jules-Ferry", "Harmonie municipale", "Club des aînés", "La Boule joyeuse", "Ateliers du théâtre", "Judo-club"}
	aims    = []string{"Fonctionnement annuel", "Fête de la Saint-Jean", "Classe de découverte", "Restauration du buffet d’orgue", "Achat de matériel", "Tournoi régional", "Saison culturelle"}
	streets = []string{"Rue de la Mairie", "Chemin des Ormes", "Grande Rue", "Rue du Moulin", "Impasse des Lilas", "Route de Lons", "Place de l'Église", "Rue Jules Ferry", "Allée du Château", "Rue de la Fontaine"}
	names   = []string{"Emma", "Louise", "Jade", "Alice", "Gabriel", "Raphaël", "Léo", "Louis", "Arthur", "Jules", "Anna", "Zoé", "Maël", "Inès", "Noé", "Éloïse", "Rose", "Adam", "Lina", "Hugo"}
)

// deliberations: UTF-8 with a byte order mark, comma, CRLF, ISO dates; the labels are already the national ones.
func deliberations(b body, epoch int) ([]byte, string) {
	g, s := b.dice("deliberations"), &sheet{comma: ",", eol: "\r\n"}
	s.WriteString("\ufeff")
	s.row("COLL_NOM", "COLL_SIRET", "DELIB_ID", "DELIB_DATE", "DELIB_MATIERE_CODE", "DELIB_MATIERE_NOM", "DELIB_OBJET", "BUDGET_ANNEE", "BUDGET_NOM",
		"PREF_ID", "PREF_DATE", "VOTE_EFFECTIF", "VOTE_REEL", "VOTE_POUR", "VOTE_CONTRE", "VOTE_ABSTENTION", "DELIB_URL")
	n := rows(b, 40, 12, 600)
	if epoch > 1 && b.n%4 == 0 {
		n += 3 // the council met
	}
	for i := range n {
		d, m := date(g), pick(g, matters)
		m.name = strings.ReplaceAll(m.name, "’", "'")
		size := 11 + 2*g.IntN(9)
		present := size - g.IntN(4)
		against, abstained := g.IntN(3), g.IntN(2)
		in := present - against - abstained
		if b.n == wrongVotes && (i == 7 || i == 19) {
			in += 4
		}
		year, name := "", ""
		if strings.HasPrefix(m.code, "7.1") {
			year, name = fmt.Sprint(d.Year()), "Budget principal"
		}
		s.row(b.Name, b.SIRET, fmt.Sprintf("DEL%d-%03d", d.Year(), i+1), d.Format(time.DateOnly), m.code, m.name, m.object, year, name, "PREF099",
			d.AddDate(0, 0, 1+g.IntN(9)).Format(time.DateOnly), fmt.Sprint(size), fmt.Sprint(present), fmt.Sprint(in), fmt.Sprint(against), fmt.Sprint(abstained),
			b.Website+"/deliberations/"+fmt.Sprint(i+1)+".pdf")
	}
	return s.Bytes(), "text/csv; charset=utf-8"
}

// subventions: Windows-1252, semicolons, decimal commas, French dates, the editor's own labels.
func subventions(b body, epoch int) ([]byte, string) {
	g, s := b.dice("subventions"), &sheet{comma: ";", eol: "\r\n"}
	s.row("Date", "N° décision", "Bénéficiaire", "SIRET bénéficiaire", "Objet", "Montant", "Nature", "Versement", "Période", "UE", "Taux")
	n := rows(b, 18, 9, 400)
	if epoch > 1 && b.n%5 == 0 {
		n++
	}
	for i := range n {
		d := date(g)
		day := d.Format("02/01/2006")
		id := siret(complete(fmt.Sprintf("8%07d", g.IntN(9_000_000))), 1)
		nature, ue := "N", "non"
		if g.IntN(6) == 0 {
			nature = "E"
		}
		rate := "0," + fmt.Sprintf("%02d", 5+g.IntN(90))
		if b.n == wrongDates {
			switch i {
			case 3, 8, 13:
				day = "31/02/" + fmt.Sprint(d.Year())
			case 5, 11:
				id = id[:13] + string('0'+(id[13]-'0'+1)%10)
			case 15:
				rate = "1,75"
			}
		}
		s.row(day, fmt.Sprintf("%d-%03d", d.Year(), i+1), pick(g, clubs)+" de "+b.Name, id, pick(g, aims), comma(5000+g.IntN(900000)), nature, "en une fois", d.Format(time.DateOnly), ue, rate)
	}
	return s.latin(), "text/csv; charset=windows-1252"
}

// budget: the same editor, the same dialect.
func budget(b body, _ int) ([]byte, string) {
	g, s := b.dice("budget"), &sheet{comma: ";", eol: "\r\n"}
	s.row("Exercice", "Chapitre", "Libellé chapitre", "Article", "Libellé article", "Fonction", "Libellé fonction", "Section", "Mouvement", "Sens", "Voté")
	chapters := []struct{ c, cl, a, al, section, sense string }{
		{"011", "Charges à caractère général", "60612", "Énergie et électricité", "F", "D"}, {"012", "Charges de personnel", "64111", "Rémunération principale", "F", "D"},
		{"65", "Autres charges de gestion courante", "65748", "Subventions de fonctionnement", "F", "D"}, {"73", "Impôts et taxes", "73111", "Impôts directs locaux", "F", "R"},
		{"74", "Dotations et participations", "74111", "Dotation forfaitaire", "F", "R"}, {"21", "Immobilisations corporelles", "21312", "Bâtiments scolaires", "I", "D"},
		{"23", "Immobilisations en cours", "2315", "Installations techniques", "I", "D"}, {"16", "Emprunts et dettes", "1641", "Emprunts en euros", "I", "R"}, {"13", "Subventions d’investissement", "1321", "État", "I", "R"},
	}
	for year := 2024; year <= 2026; year++ {
		for range 3 {
			for _, c := range chapters {
				s.row(fmt.Sprint(year), c.c, c.cl, c.a, c.al, "01", "Opérations non ventilables", c.section, "R", c.sense, comma((b.Population+200)*(100+g.IntN(9000))))
			}
		}
	}
	return s.latin(), "text/csv"
}

// equipements: a workbook, with true numbers.
func equipements(b body, _ int) ([]byte, string) {
	g, f := b.dice("equipements"), excelize.NewFile()
	defer f.Close()
	kinds := []struct{ code, theme, kind, name string }{
		{"01010401-001", "Equipement administratif", "Mairie", "Hôtel de ville"}, {"02050101-001", "Equipement sportif et de loisirs", "Stade", "Stade municipal"},
		{"03010201-001", "Equipement d'enseignement", "École", "École élémentaire"}, {"04020101-001", "Equipement culturel", "Bibliothèque", "Médiathèque"},
		{"05010101-001", "Equipement social et d'animation", "Salle polyvalente", "Salle des fêtes"}, {"06010101-001", "Equipement sanitaire", "Maison de santé", "Maison de santé"},
	}
	f.SetSheetRow("Sheet1", "A1", &[]any{"COLL_NOM", "COLL_SIRET", "EQUIP_UID", "EQUIP_THEME", "EQUIP_CODE", "EQUIP_TYPE", "EQUIP_NOM", "ADR_NUMERO", "ADR_NOMVOIE", "ADR_CODEPOSTAL",
		"ADR_COMMUNE", "ERP_CATEGORIE", "EQUIP_LAT", "EQUIP_LONG", "EQUIP_OUVERTURE", "EQUIP_EMAIL"})
	for i := range rows(b, 6, 3, 60) {
		k := kinds[i%len(kinds)]
		cell, _ := excelize.CoordinatesToCellName(1, i+2)
		f.SetSheetRow("Sheet1", cell, &[]any{b.Name, b.SIRET, b.INSEE + "-" + k.code, k.theme, k.code, k.kind, fmt.Sprintf("%s n° %d", k.name, i/len(kinds)+1), fmt.Sprint(1 + g.IntN(80)),
			pick(g, streets), b.postcode, letters(b.Name), 1 + g.IntN(5), round(b.lat + g.Float64()*0.04), round(b.lon + g.Float64()*0.04), "Mo-Fr 08:30-12:00", b.Email})
	}
	var w bytes.Buffer
	if err := f.Write(&w); err != nil {
		panic("demo: " + err.Error())
	}
	return w.Bytes(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
}

// letters keeps what the national schema allows in a commune's name.
func letters(s string) string {
	return strings.NewReplacer("’", " ", "'", " ", "Œ", "OE", "œ", "oe").Replace(s)
}

// prenoms is one page of an API.
func prenoms(b body, epoch, page int) []byte {
	type birth struct {
		Sex   string `json:"sexe"`
		First string `json:"prenom"`
		Count int    `json:"nombre"`
		Year  int    `json:"annee"`
	}
	var all []birth
	g := b.dice("prenoms")
	for year := 2022; year <= 2025 && !(epoch > 1 && b.n == emptied); year++ {
		for _, n := range names {
			all = append(all, birth{pick(g, []string{"F", "M"}), n, 1 + g.IntN(1+b.Population/900), year})
		}
	}
	const size = 30
	first := min((page-1)*size, len(all))
	last := min(first+size, len(all))
	answer := map[string]any{"total": len(all), "page": page, "resultats": append([]birth{}, all[first:last]...)}
	data, _ := json.Marshal(answer)
	return data
}

// decp: the JSON of the 2022 order, as a buyer profile exports it.
func decp(b body, epoch int) ([]byte, string) {
	g := b.dice("decp")
	var list []map[string]any
	n := rows(b, 5, 1, 60)
	if epoch > 1 && b.n%2 == 0 {
		n++
	}
	for i := range n {
		d := date(g)
		if d.Year() < 2024 {
			d = d.AddDate(1, 0, 0)
		}
		m := map[string]any{
			"id": fmt.Sprintf("%d%08d", d.Year(), i+1), "acheteur": map[string]any{"id": b.SIRET}, "nature": "Marché", "objet": pick(g, matters).object,
			"codeCPV": fmt.Sprintf("45%06d", g.IntN(900000)), "techniques": one("technique", "Sans objet"), "modalitesExecution": one("modaliteExecution", "Sans objet"),
			"marcheInnovant": false, "ccag": "Travaux", "offresRecues": 1 + g.IntN(8), "attributionAvance": g.IntN(2) == 0, "tauxAvance": 0.05,
			"typeGroupementOperateurs": "Pas de groupement", "procedure": "Procédure adaptée", "lieuExecution": map[string]any{"code": b.postcode, "typeCode": "Code postal"},
			"dureeMois": 1 + g.IntN(36), "dateNotification": d.Format(time.DateOnly), "datePublicationDonnees": d.AddDate(0, 0, 20).Format(time.DateOnly),
			"montant": float64(4000000+g.IntN(80000000)) / 100, "typesPrix": one("typePrix", "Définitif ferme"), "formePrix": "Forfaitaire", "sousTraitanceDeclaree": false,
			"titulaires":                      []any{map[string]any{"titulaire": map[string]any{"typeIdentifiant": "SIRET", "id": siret(complete(fmt.Sprintf("5%07d", g.IntN(9_000_000))), 1)}}},
			"considerationsSociales":          one("considerationSociale", "Pas de considération sociale"),
			"considerationsEnvironnementales": one("considerationEnvironnementale", "Pas de considération environnementale"),
		}
		if b.n == badContract && i == 2 {
			delete(m, "objet")
		}
		if b.n == badContract && i == 4 {
			m["nature"] = "Marché public"
		}
		list = append(list, m)
	}
	data, _ := json.Marshal(map[string]any{"marches": map[string]any{"marche": list}})
	return data, "application/json"
}

func one(name, value string) map[string]any { return map[string]any{name: []string{value}} }

// bal: UTF-8, semicolons, as the national address base wants it.
func bal(b body, epoch int) ([]byte, string) {
	g, s := b.dice("bal"), &sheet{comma: ";", eol: "\n"}
	s.row("cle_interop", "commune_insee", "commune_nom", "commune_deleguee_insee", "commune_deleguee_nom", "voie_nom", "lieudit_complement_nom", "numero", "suffixe", "position", "x", "y",
		"long", "lat", "cad_parcelles", "source", "date_der_maj", "certification_commune")
	n := rows(b, 60, 400, 2500)
	kept := n
	if epoch > 1 && b.n == halfLost {
		kept = n / 2
	}
	for i := range kept {
		street, number := i%len(streets), i/len(streets)+1
		lon, lat := b.lon+g.Float64()*0.03, b.lat+g.Float64()*0.03
		s.row(fmt.Sprintf("%s_%04d_%05d", b.INSEE, street+10, number), b.INSEE, letters(b.Name), "", "", streets[street], "", fmt.Sprint(number), "", "entrée",
			fmt.Sprintf("%.2f", 900000+(lon-5)*78000), fmt.Sprintf("%.2f", 6600000+(lat-46)*111000), fmt.Sprintf("%.6f", lon), fmt.Sprintf("%.6f", lat), "", "Commune de "+letters(b.Name),
			date(g).Format(time.DateOnly), "1")
	}
	return s.Bytes(), "text/csv; charset=utf-8"
}

// irve: charging points, UTF-8, comma.
func irve(b body, _ int) ([]byte, string) {
	g, s := b.dice("irve"), &sheet{comma: ",", eol: "\n"}
	s.row("nom_amenageur", "siren_amenageur", "contact_amenageur", "nom_operateur", "contact_operateur", "telephone_operateur", "nom_enseigne", "id_station_itinerance", "id_station_local",
		"nom_station", "implantation_station", "adresse_station", "code_insee_commune", "coordonneesXY", "nbre_pdc", "id_pdc_itinerance", "id_pdc_local", "puissance_nominale",
		"prise_type_ef", "prise_type_2", "prise_type_combo_ccs", "prise_type_chademo", "prise_type_autre", "gratuit", "paiement_acte", "paiement_cb", "paiement_autre", "tarification",
		"condition_acces", "reservation", "horaires", "accessibilite_pmr", "restriction_gabarit", "station_deux_roues", "raccordement", "num_pdl", "date_mise_en_service", "observations",
		"date_maj", "cable_t2_attache")
	for i := range 24 + g.IntN(40) {
		c := communes[g.IntN(18)]
		station := fmt.Sprintf("FRS99P%05d", b.n*100+i/2)
		s.row(b.Name, b.SIREN, b.Email, "Recharge Aurence", "exploitation@recharge-aurence.example", "0300000000", "Aurence Recharge", station, "", c.name+", place centrale", "Voirie",
			fmt.Sprintf("%d %s, %s", 1+g.IntN(40), pick(g, streets), c.name), "", fmt.Sprintf("[%.5f,%.5f]", b.lon+g.Float64()*0.3, b.lat+g.Float64()*0.2), "2", fmt.Sprintf("FRS99E%05d%d", b.n*100+i/2, i%2+1),
			"", pick(g, []string{"22", "7.4", "50"}), "false", "true", "false", "false", "false", "false", "true", "true", "false", "0,35 € le kWh", "Accès libre", "false", "24/7",
			"Accessible mais non réservé PMR", "Hauteur maximale 2 m", "false", "Direct", "", "2024-0"+fmt.Sprint(1+g.IntN(9))+"-15", "", "2025-06-01", "false")
	}
	return s.Bytes(), "text/csv"
}

// dechets: no national schema; a title above the header, tabs, French numbers.
func dechets(b body, epoch int) ([]byte, string) {
	g, s := b.dice("dechets"), &sheet{comma: "\t", eol: "\r\n"}
	s.row("Fréquentation des déchèteries, " + b.Name)
	s.row("Site", "Mois", "Passages", "Tonnage", "Taux de valorisation")
	months := 24
	if epoch > 1 {
		months++
	}
	for _, site := range []string{"Les Essarts", "La Combe", "Zone du Moulin"} {
		for m := range months {
			d := time.Date(2024, time.Month(11+m), 1, 0, 0, 0, 0, time.UTC)
			s.row(site, d.Format("01/2006"), fmt.Sprint(800+g.IntN(2400)), comma(4000+g.IntN(30000)), fmt.Sprintf("%d,%d", 60+g.IntN(30), g.IntN(10)))
		}
	}
	return s.latin(), "text/plain"
}

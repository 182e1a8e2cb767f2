package web

import (
	"fmt"

	"grenier/catalog"
)

// The publications that the law asks of a member, as far as its kind and population tell. Only duties whose text is settled, and that a dataset of a
// national schema answers, are here: five lines that a village can read, not a grid.

// A duty is one of them.
type duty struct {
	title   string
	schemas []string // any of them answers it
	binds   func(catalog.Member) bool
	when    string // the condition that the catalogue cannot know; "" when the duty always holds
	law     string
	channel string // where it may be published instead; "" for nowhere else
}

func isCommune(m catalog.Member) bool { return m.Kind == catalog.Commune }

var duties = []duty{
	{title: "Adresses (base adresse locale)", schemas: []string{"etalab/schema-bal"}, binds: isCommune,
		law: "article L. 2121-30 du code général des collectivités territoriales", channel: "la Base Adresse Nationale"},
	{title: "Liste des délibérations examinées", schemas: []string{"scdl/deliberations"}, binds: func(m catalog.Member) bool { return m.Kind == catalog.Commune || m.Kind == catalog.EPCI },
		law: "article L. 2121-25 du code général des collectivités territoriales", channel: "le site de la collectivité"},
	{title: "Données essentielles des marchés publics", schemas: []string{"139bercy/format-commande-publique/marches", "139bercy/format-commande-publique", "etalab/schema-decp-dpa"}, binds: func(catalog.Member) bool { return true },
		when: "si la collectivité a conclu un marché d’au moins 40 000 euros", law: "article R. 2196-1 du code de la commande publique", channel: "son profil d’acheteur"},
	{title: "Subventions de plus de 23 000 euros", schemas: []string{"scdl/subventions"},
		binds: func(m catalog.Member) bool {
			return m.Population >= 3500 && m.Kind != catalog.Syndicat && m.Kind != catalog.Autre
		},
		when: "si la collectivité en a versé", law: "décret n° 2017-779 du 5 mai 2017", channel: "le site de la collectivité"},
	{title: "Bornes de recharge ouvertes au public", schemas: []string{"etalab/schema-irve-statique"}, binds: func(catalog.Member) bool { return true },
		when: "si la collectivité en a installé", law: "article L. 1115-1 du code des transports", channel: "transport.data.gouv.fr"},
}

// A dutyView is a duty as the page of a member says it. Those that depend on a fact that nobody told us show only once they are met.
type dutyView struct {
	Title, Law, Channel string
	Datasets            []catalog.Dataset // that answer it, here
}

// dutiesOf are the duties that bind a member, the missing ones first.
func dutiesOf(m catalog.Member, published []catalog.Dataset) (missing, met []dutyView, open []string) {
	for _, d := range duties {
		if !d.binds(m) {
			continue
		}
		v := dutyView{Title: d.title, Law: d.law, Channel: d.channel}
		for _, one := range published {
			for _, name := range d.schemas {
				if one.SchemaName == name {
					v.Datasets = append(v.Datasets, one)
				}
			}
		}
		switch {
		case len(v.Datasets) > 0:
			met = append(met, v)
		case d.when == "":
			missing = append(missing, v)
		default:
			open = append(open, fmt.Sprintf("%s, %s (%s)", d.title, d.when, d.law))
		}
	}
	return missing, met, open
}

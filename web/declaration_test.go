package web

import (
	"strings"
	"testing"
	"time"
)

const audited = `
date: 2026-01-10
state: partielle
rate: 78.5
auditor: Société Exemple
results: Les tableaux posent le plus de questions.
inaccessible:
  - {what: Les cartes., why: non-conformité}
  - {what: Les fichiers déposés., why: hors obligation}
tools: [Firefox et NVDA]
pages: [Accueil]
plan: https://numerival.example.org/plan
`

func TestDeclaration_FollowsTheOfficialPlan(t *testing.T) {
	d, err := ReadDeclaration([]byte(audited))
	if err != nil {
		t.Fatal(err)
	}
	c := config(t, newWorld())
	c.Site.Declaration = d
	h := newServer(t, c).Handler()
	rec := get(h, "/accessibilite")
	want(t, rec, 200, "<h1>Accessibilité : partiellement conforme</h1>", "L’audit a été mené par Société Exemple", "78,5 % des critères", "Les tableaux posent",
		"<h3>Non-conformités</h3><ul><li>Les cartes.</li></ul>", "Contenus non soumis à l’obligation", "établie le <time", "10 janvier 2026", "Firefox et NVDA", "https://numerival.example.org/plan", "Défenseur des droits")
	lacks(t, rec, "plus de trois ans", "charge disproportionnée")
	body, at := rec.Body.String(), 0
	for _, part := range []string{"État de conformité", "Résultats des tests", "Contenus non accessibles", "Établissement de cette déclaration", "Retour d’information et contact", "Voies de recours"} {
		next := strings.Index(body, "<h2>"+part+"</h2>")
		if next < at {
			t.Errorf("%q is missing or out of order", part)
		}
		at = next
	}
	want(t, get(h, "/"), 200, "Accessibilité : partiellement conforme</a>")
}

func TestDeclaration_WarnsAfterThreeYears(t *testing.T) {
	c := config(t, newWorld())
	c.Site.Declaration = Declaration{Date: now.AddDate(-3, 0, -1), State: NotConform, Auditor: "Société Exemple"}
	want(t, get(newServer(t, c).Handler(), "/accessibilite"), 200, "plus de trois ans", "un nouvel audit est à faire")
	for _, d := range []Declaration{{}, {Date: now.AddDate(-3, 0, 1)}} {
		if d.Old(now) {
			t.Errorf("%v is old", d.Date)
		}
	}
}

func TestDeclaration_ClaimsNothingWithoutAnAudit(t *testing.T) {
	_, h := site(t)
	want(t, get(h, "/accessibilite"), 200, "<h1>Accessibilité : non conforme</h1>", "aucun audit n’a encore été mené")
}

func TestReadDeclaration_RefusesWhatItCannotMean(t *testing.T) {
	for text, says := range map[string]string{
		"state: totale":                  "s’appuie sur un audit",
		"state: presque":                 "attend non, partielle ou totale",
		"rate: 120":                      "pourcentage de 0 à 100",
		"couleur: bleu":                  "mal écrite",
		"plan: javascript:alert(1)":      "n’est pas une adresse",
		"inaccessible: [{what: Cartes}]": "charge disproportionnée",
		"state: totale\nrate: 70\nauditor: A\ndate: 2026-01-01": "100 pour une conformité totale",
	} {
		if _, err := ReadDeclaration([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	if d, err := ReadDeclaration(nil); err != nil || d.State.word() != "non conforme" {
		t.Errorf("an empty file: %v, %v", d, err)
	}
}

func TestSecurity_SaysWhoToTellAndUntilWhen(t *testing.T) {
	_, h := site(t)
	rec := get(h, "/.well-known/security.txt")
	want(t, rec, 200, "Contact: mailto:contact@numerival.example.org\n", "Preferred-Languages: fr, en\n", "Canonical: "+base+"/.well-known/security.txt\n")
	_, rest, _ := strings.Cut(rec.Body.String(), "Expires: ")
	line, _, _ := strings.Cut(rest, "\n")
	until, err := time.Parse(time.RFC3339, line)
	if err != nil || until.Before(now.AddDate(0, 6, 0)) || until.After(now.AddDate(1, 0, 0)) {
		t.Errorf("it holds until %q (%v)", line, err)
	}
	c := config(t, newWorld())
	c.Site.Email = ""
	want(t, get(newServer(t, c).Handler(), "/.well-known/security.txt"), 404)
}

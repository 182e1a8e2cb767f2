package web

import "testing"

func TestHistory_SaysWhatWasOnlineAndWhen(t *testing.T) {
	w, h := site(t)
	d := w.datasets[0]
	rec := get(h, "/jeux/deliberations-saint-aubin/historique")
	want(t, rec, 200, "Ce qui était en ligne, et quand", "2 versions", "à aujourd’hui", pastPath(d.Files[0], 2), `href="/api/1/jeux/`+d.ID.String()+`/calendrier"`)
	want(t, get(h, "/jeux/deliberations-saint-aubin"), 200, `href="/jeux/deliberations-saint-aubin/historique"`)
	wantHeader(t, get(h, "/jeux/anciennes-deliberations/historique"), "Location", "/jeux/deliberations-saint-aubin/historique")
	want(t, get(h, "/jeux/jeu-retire/historique"), 410)
}

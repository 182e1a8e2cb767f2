package web

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestEmbeds_StandInPagesOfOtherSitesAndNothingElseDoes(t *testing.T) {
	_, h, _ := grantSite(t, grantRows(60))
	for _, target := range []string{"/embarquer" + delibPath, "/embarquer" + delibPath + "/donnees", "/embarquer" + delibPath + "/donnees?nature__exact=nature", "/embarquer/membres/" + aubin.SIREN} {
		rec := get(h, target)
		want(t, rec, 200, `<link rel="canonical" href="`+base+`/`, "Données publiées sur", "noindex")
		csp := rec.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors *") || strings.Contains(csp, "'none'; frame-ancestors 'none'") || strings.Contains(csp, "script-src") || rec.Header().Get("X-Frame-Options") != "" {
			t.Errorf("%s: %v", target, rec.Header())
		}
		lacks(t, rec, "<script", "<form", "<nav")
		for _, link := range regexp.MustCompile(`<a [^>]*>`).FindAllString(rec.Body.String(), -1) {
			if !strings.Contains(link, `target="_top" rel="noopener"`) && !strings.Contains(link, "nofollow ugc noopener") {
				t.Errorf("%s opens inside the frame: %s", target, link)
			}
		}
		if n := rec.Body.Len(); n > 20_000 {
			t.Errorf("%s has %d bytes", target, n)
		}
	}
	for _, target := range []string{"/", delibPath, delibPath + "/donnees", delibPath + "/colonnes", "/embarquer/jeux/nulle-part", "/embarquer/membres/999999999"} {
		rec := get(h, target)
		if csp := rec.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "frame-ancestors *") {
			t.Errorf("%s may stand in other pages: %s", target, csp)
		}
	}
}

func TestEmbeds_ShowWhatTheirAddressAsks(t *testing.T) {
	_, h, _ := grantSite(t, grantRows(60))
	want(t, get(h, "/embarquer"+delibPath), 200, "<h1><a href=\""+delibPath+`" target="_top"`, ">ce matin, 5 h 02</time>", "CSV", "Parquet", "Saint-Aubin-sur-Aurence")
	rec := get(h, "/embarquer"+delibPath+"/donnees?nature__exact=nature&columns=objet,montant&montant__sort=desc&page_size=5")
	want(t, rec, 200, "Nature, telle que votée est « nature »", "5 lignes sur 20", "<td>Objet 58</td>", "5 900,50 €", delibPath+"/donnees?nature__exact=nature&amp;columns=objet%2Cmontant&amp;montant__sort=desc")
	want(t, get(h, "/embarquer"+delibPath+"/donnees?montant__contains=1"), http.StatusBadRequest, `role="alert"`)
	want(t, get(h, "/embarquer"+delibPath+"/donnees?objet__exact=rien"), 200, "Aucune ligne ne répond")
	want(t, get(h, "/embarquer/membres/"+aubin.SIREN), 200, "Délibérations du conseil municipal", "Subventions attribuées")
	want(t, get(h, "/embarquer/membres/"+vide.SIREN), 200, "n’a pas encore de jeu de données")
	wantHeader(t, get(h, "/embarquer/jeux/anciennes-deliberations/donnees?a__isnull"), "Location", "/embarquer"+delibPath+"/donnees?a__isnull")
	want(t, get(h, "/embarquer/jeux/jeu-retire"), http.StatusGone)
}

// What the page of a dataset gives to copy is what the routes answer.
func TestEmbeds_AreWhatThePageOfADatasetGivesToCopy(t *testing.T) {
	_, h, _ := grantSite(t, grantRows(60))
	page := get(h, delibPath).Body.String()
	frames := regexp.MustCompile(`&lt;iframe src=&#34;`+regexp.QuoteMeta(base)+`([^&]+)&#34;`).FindAllStringSubmatch(page, -1)
	if len(frames) != 3 {
		t.Fatalf("%d codes to copy", len(frames))
	}
	for _, f := range frames {
		want(t, get(h, f[1]), 200)
	}
}

package dcat

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/catalog/reference"
)

// disc is a ring of n points around a place.
func disc(lon, lat, radius float64, n int) string {
	var b strings.Builder
	for i := 0; i <= n; i++ {
		a := 2 * math.Pi * float64(i%n) / float64(n)
		fmt.Fprintf(&b, "[%f,%f,12.5],", lon+radius*math.Cos(a), lat+radius*math.Sin(a))
	}
	return "[[" + strings.TrimSuffix(b.String(), ",") + "]]"
}

func features(list ...string) *bytes.Reader {
	return bytes.NewReader([]byte("\xef\xbb\xbf"[:0] + `{"type":"FeatureCollection","crs":{"x":[1]},"features":[` + strings.Join(list, ",") + `],"bbox":[1]}`))
}

func polygon(property, code, rings string) string {
	return `{"type":"Feature","properties":{"nom":"x","` + property + `":` + code + `},"geometry":{"type":"Polygon","coordinates":` + rings + `}}`
}

func read(t *testing.T, list ...string) *Outlines {
	t.Helper()
	o, err := ReadOutlines(features(list...))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestReadOutlines_SimplifiesAndFindsByCode(t *testing.T) {
	islands := `{"type":"Feature","properties":{"INSEE_COM":"39200"},"geometry":{"type":"MultiPolygon","coordinates":[` + disc(1, 45, 0.001, 9) + "," + disc(5.5, 46.5, 0.2, 4000) + strings.Repeat(","+disc(6, 47, 0.01, 30), 20) + `]}}`
	o := read(t, polygon("insee", `"39013"`, disc(5.7, 46.9, 0.1, 5000)), polygon("siren", `243900420`, disc(5.7, 46.9, 0.3, 12)), islands, polygon("autre", `"1"`, disc(1, 1, 1, 9)), polygon("code", "null", disc(1, 1, 1, 9)))
	if o.Len() != 3 {
		t.Fatalf("%d outlines, want 3", o.Len())
	}
	town := &catalog.Member{SIREN: "213900137", Kind: catalog.Commune, INSEE: "39013", BBox: &catalog.BBox{West: 1, South: 1, East: 2, North: 2}}
	shape, middle := o.coverage(town)
	if n := strings.Count(shape, ","); !strings.HasPrefix(shape, "POLYGON((5.8 46.9,") || !strings.HasSuffix(shape, "5.8 46.9))") || n < 12 || n > maxRingPoints {
		t.Errorf("%d points: %s", n, shape)
	}
	if middle != "POINT(5.70000 46.90000)" {
		t.Errorf("the middle is %s", middle)
	}
	if shape, _ := o.coverage(&catalog.Member{SIREN: "243900420", Kind: catalog.EPCI}); !strings.HasPrefix(shape, "POLYGON((6 46.9,") {
		t.Errorf("the grouping: %s", shape)
	}
	shape, _ = o.coverage(&catalog.Member{SIREN: "213902002", Kind: catalog.Commune, INSEE: "39200"})
	if !strings.HasPrefix(shape, "MULTIPOLYGON(((5.7 46.5,") || strings.Count(shape, ")),((") != maxRings-1 || !strings.HasSuffix(shape, ")))") {
		t.Errorf("the largest of many come first: %s", shape)
	}
	other := &catalog.Member{SIREN: "213900152", Kind: catalog.Commune, INSEE: "39015", BBox: &catalog.BBox{West: 1, South: 2, East: 3, North: 4}}
	if shape, middle := o.coverage(other); shape != "POLYGON((1 2,3 2,3 4,1 4,1 2))" || middle != "POINT(2.00000 3.00000)" {
		t.Errorf("without an outline: %s %s", shape, middle)
	}
}

func TestSimplified_StaysNearTheOutline(t *testing.T) {
	o := read(t, polygon("insee", `"39013"`, disc(5.7, 46.9, 0.1, 3000)))
	ring := o.byCode["39013"].rings[0]
	for i := range 3000 {
		a := 2 * math.Pi * float64(i) / 3000
		p := point{int32((5.7 + 0.1*math.Cos(a)) * degree), int32((46.9 + 0.1*math.Sin(a)) * degree)}
		nearest := math.Inf(1)
		for k := range ring {
			nearest = min(nearest, distance(p, ring[k], ring[(k+1)%len(ring)]))
		}
		if nearest > 200 { // some two hundred metres, for a town of twenty kilometres
			t.Fatalf("a point of the outline is %.0f units from what is kept of it", nearest)
		}
	}
}

func TestReadOutlines_AroundTheCommunesOfAnEPCIWhenAllAreKnown(t *testing.T) {
	var siren string
	for _, code := range []string{"39300", "39198", "39478"} {
		if c, ok := reference.FindCommune(code); ok && c.EPCI != "" {
			siren = c.EPCI
			break
		}
	}
	epci, ok := reference.FindEPCI(siren)
	if !ok || len(epci.Communes) < 3 {
		t.Fatalf("no grouping to test with: %q %+v", siren, epci)
	}
	var list []string
	for i, code := range epci.Communes {
		list = append(list, polygon("insee", `"`+code+`"`, fmt.Sprintf("[[[%d,46],[%d.5,46],[%d,46.25],[%d,46]]]", i, i, i, i)))
	}
	m := &catalog.Member{SIREN: siren, Kind: catalog.EPCI}
	want := fmt.Sprintf("POLYGON((0 46,%d.5 46,%d.5 46.25,0 46.25,0 46))", len(list)-1, len(list)-1)
	if shape, _ := read(t, list...).coverage(m); shape != want {
		t.Errorf("around all communes: %s, want %s", shape, want)
	}
	if shape, _ := read(t, list[1:]...).coverage(m); shape != "" {
		t.Errorf("with a commune missing: %s", shape)
	}
}

func TestReadOutlines_RefusesWhatIsWrongInFrench(t *testing.T) {
	good := polygon("insee", `"39013"`, disc(5, 46, 1, 9))
	for text, want := range map[string]string{
		``:      "le fichier est coupé",
		`[1,2]`: "ce n’est pas un objet GeoJSON",
		`{"type":"FeatureCollection","features":[` + good[:200]:               "le fichier est coupé",
		`{"type":"Topology","objects":{}}`:                                    "la liste « features » manque",
		`{"features":{}}`:                                                     "« features » n’est pas une liste",
		`{"features":[` + strings.Replace(good, "Polygon", "Point", 1) + `]}`: "objet n° 1 (39013) : la géométrie est de type « Point »",
		`{"features":[` + good + `,` + polygon("insee", `"39014"`, `[[[895000,6600000],[1,1],[2,2]]]`) + `]}`: "objet n° 2 (39014) : les coordonnées doivent être en degrés (WGS 84)",
		`{"features":[` + polygon("insee", `"39014"`, `[[[1,1],[1,1],[2,2],[1,1]]]`) + `]}`:                   "moins de trois sommets",
		`{"features":[` + polygon("insee", `"39014"`, `[]`) + `]}`:                                            "la géométrie est vide",
		`{"features":[` + polygon("insee", `"39014"`, `"x"`) + `]}`:                                           "mal formées",
		`{"features":[` + polygon("nom", `"Arbois"`, disc(5, 46, 1, 9)) + `]}`:                                "aucun contour n’a de code",
		`{"features":[}]`: "pas du JSON",
	} {
		if _, err := ReadOutlines(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

func TestPlaceCode_IsThatOfACommuneOrADepartement(t *testing.T) {
	for _, c := range []struct {
		m    catalog.Member
		want string
	}{
		{catalog.Member{SIREN: "213900137", Kind: catalog.Commune, INSEE: "2A004"}, "commune/2A004"},
		{catalog.Member{SIREN: "223900010", Kind: catalog.Departement, Name: "Conseil départemental du Jura"}, "departement/39"},
		{catalog.Member{SIREN: "229740014", Kind: catalog.Departement, Name: "Département de La Réunion"}, "departement/974"},
		{catalog.Member{SIREN: "223900010", Kind: catalog.Departement, Name: "Département du Doubs"}, ""},
		{catalog.Member{SIREN: "243900420", Kind: catalog.EPCI}, ""},
		{catalog.Member{SIREN: "223900010", Kind: catalog.Syndicat, Name: "Syndicat du Jura"}, ""},
	} {
		if got := placeCode(&c.m); got != c.want {
			t.Errorf("%s: %q, want %q", c.m.Name, got, c.want)
		}
	}
}

func FuzzReadOutlines_NeverPanics(f *testing.F) {
	f.Add(polygon("insee", `"39013"`, disc(5, 46, 1, 9)))
	f.Add(`{"properties":{"code":1e999},"geometry":{"type":"MultiPolygon","coordinates":[[[[1,2],[3,4],[5,6]]],[],[[]]]}}`)
	f.Fuzz(func(t *testing.T, feature string) {
		o, err := ReadOutlines(features(feature))
		if err != nil {
			return
		}
		for code := range o.byCode {
			if shape, _ := o.coverage(&catalog.Member{SIREN: code, Kind: catalog.Autre}); !strings.Contains(shape, "POLYGON((") {
				t.Errorf("%s: %s", code, shape)
			}
		}
	})
}

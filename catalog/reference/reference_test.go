package reference

import (
	"slices"
	"testing"
)

func TestStatusOf_TellsWhatACodeStandsFor(t *testing.T) {
	for code, want := range map[string]Status{
		"31591": Current, "2A004": Current, "97411": Current, "98735": Current, "97501": Current,
		"13055": Divided, "69123": Divided, "75056": Divided, "75101": District, "13216": District, "69389": District,
		"01340": Past, "99001": Unknown, "2a004": Unknown, "00000": Unknown, "3159": Unknown, "315911": Unknown, "A1234": Unknown, "": Unknown, "31 91": Unknown, "9999B": Unknown,
	} {
		if got := StatusOf([]byte(code)); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
}

func TestFindCommune_KnowsNameSirenGroupingAndPopulation(t *testing.T) {
	c, ok := FindCommune("31591")
	if !ok || c.Name != "Escoulis" || c.Departement != "31" || c.Region != "76" || c.SIREN != "213105919" || c.EPCI != "200073146" || c.Population != 76 || !slices.Equal(c.PostalCodes, []string{"31260"}) {
		t.Errorf("31591 = %+v", c)
	}
	if c, ok := FindCommune("13201"); !ok || c.ArrondissementOf != "13055" || c.SIREN != "" {
		t.Errorf("13201 = %+v", c)
	}
	if c, ok := FindCommune("75056"); !ok || !c.SplitIntoDistricts || c.Name != "Paris" {
		t.Errorf("75056 = %+v", c)
	}
	if c, ok := FindSIREN("213105919"); !ok || c.INSEE != "31591" {
		t.Errorf("SIREN 213105919 = %+v", c)
	}
	for _, code := range []string{"01340", "99999", "x"} {
		if c, ok := FindCommune(code); ok {
			t.Errorf("%s = %+v, want none", code, c)
		}
	}
}

func TestFormer_NamesTheSuccessorAndEveryOneIsACommuneOfToday(t *testing.T) {
	if s, ok := Former("01340"); !ok || s != "01015" {
		t.Errorf("01340 became %q", s)
	}
	l, n := load(), 0
	for i, s := range l.status {
		if s != Past {
			continue
		}
		n++
		line := l.row(i)
		if NameOf([]byte(line[len(line)-5:])) == "" {
			t.Errorf("%q has no successor of today", line)
		}
	}
	if n < 4000 {
		t.Errorf("%d former communes", n)
	}
}

func TestFindEPCI_ListsItsCommunes(t *testing.T) {
	e, ok := FindEPCI("200000172")
	if !ok || e.Kind != "CC" || e.Population < 20_000 || !slices.Contains(e.Communes, "74042") {
		t.Errorf("200000172 = %+v", e)
	}
	l := load()
	for siren := range l.members {
		if _, ok := l.epci[siren]; !ok {
			t.Errorf("communes belong to %s, which is not in the list", siren)
		}
	}
	if len(l.epci) < 1200 || len(l.members) < 1200 {
		t.Errorf("%d groupings, of which %d have communes", len(l.epci), len(l.members))
	}
}

func TestAreas_AndPostalCodes(t *testing.T) {
	if d, ok := FindDepartement("2A"); !ok || d.Name != "Corse-du-Sud" || d.Region != "94" {
		t.Errorf("2A = %+v", d)
	}
	if r, ok := FindRegion("84"); !ok || r.Name != "Auvergne-Rhône-Alpes" {
		t.Errorf("84 = %+v", r)
	}
	for code, want := range map[string]bool{"31260": true, "75001": true, "20000": true, "00000": false, "3126": false, "3126O": false, "312600": false} {
		if got := IsPostalCode([]byte(code)); got != want {
			t.Errorf("postal code %s: %v", code, got)
		}
	}
}

func TestLookups_AllocateNothing(t *testing.T) {
	code, former := []byte("31591"), []byte("01340")
	if n := testing.AllocsPerRun(100, func() { StatusOf(code); NameOf(code); SuccessorOf(former); IsPostalCode(code) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestUnpack_RefusesABrokenFile(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("plain"), packed[:len(packed)/2]} {
		if _, err := unpack(b); err == nil {
			t.Errorf("%d bytes were read", len(b))
		}
	}
}

// Package demo invents a département: its bodies, the business software they use, and what that software exposes on loopback.
//
// Nothing in it is real: the département bears the number 99, which no French département has, and SIREN numbers are made from it. The data is
// honest about faults: wrong dates, broken SIRET, a login page instead of a file, a file that loses half of its rows at the second harvest.
package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"grenier/catalog"
)

// Name is the fictitious département's.
const Name = "Val-d’Aurence"

// Operator is its OPSN.
var Operator = struct{ Name, SIREN, Email string }{"Numérival", siren(20990, 900), "contact@numerival.example"}

// A body is a member and what the generator needs to know of it.
type body struct {
	catalog.Member
	n        int // rank, the seed of its data
	postcode string
	lon, lat float64
}

var communes = []struct {
	name       string
	population int
}{
	{"Saint-Aubin-sur-Aurence", 4210}, {"Lons-le-Bourg", 17840}, {"Villeneuve-d'Aurence", 8920}, {"Montrevel-le-Haut", 640}, {"Étival-sous-Roche", 312},
	{"Sainte-Colombe-des-Prés", 1480}, {"La Chapelle-aux-Ormes", 890}, {"Beaulieu-en-Val", 2260}, {"Arc-et-Fontaine", 1120}, {"Champvert", 455},
	{"Noirefontaine", 205}, {"Bois-l'Évêque", 760}, {"Courcelles-lès-Lons", 3350}, {"Orgelet-la-Vieille", 1890}, {"Mièges", 148}, {"Rochejean", 530},
	{"Vaux-sur-Œuvre", 1015}, {"L'Étoile-du-Val", 275}, {"Fort-Dampierre", 690}, {"Grandvelle", 1340}, {"Pont-d'Héry", 418}, {"Septmoncel", 385},
	{"Thoirette", 720}, {"Ugna", 166}, {"Vernantois", 594}, {"Yvory", 231}, {"Prémanon-le-Bas", 945}, {"Ruffey", 802},
}

// bodies lists n bodies: the département, then one intercommunal body or syndicate for every five communes.
func bodies(n int) []body {
	list := []body{{Member: catalog.Member{Name: "Département du " + Name, Kind: catalog.Departement, SIREN: siren(22990, 1), Population: 121480}}}
	groups := []struct {
		name string
		kind catalog.MemberKind
		pop  int
	}{
		{"Communauté d’agglomération de Lons", catalog.EPCI, 38900}, {"Syndicat d’énergie de l’Aurence", catalog.Syndicat, 0},
		{"Communauté de communes du Haut-Val", catalog.EPCI, 11260}, {"Syndicat des eaux de la Roche", catalog.Syndicat, 0}, {"Communauté de communes des Ormes", catalog.EPCI, 9050},
	}
	for i := 0; len(list) < n; i++ {
		if i%5 == 1 && i/5 < len(groups) {
			g := groups[i/5]
			list = append(list, body{Member: catalog.Member{Name: g.name, Kind: g.kind, SIREN: siren(20990, 10+i), Population: g.pop}})
			if len(list) == n {
				break
			}
		}
		name, pop := fmt.Sprintf("Hameau-%d", i), 90+i%400
		if i < len(communes) {
			name, pop = communes[i].name, communes[i].population
		}
		list = append(list, body{Member: catalog.Member{Name: name, Kind: catalog.Commune, INSEE: fmt.Sprintf("99%03d", i+1), SIREN: siren(21990, 1+i), Population: pop}})
	}
	for i := range list {
		list[i].settle(i)
	}
	return list
}

// settle gives a body what follows from its rank.
func (b *body) settle(n int) {
	b.n, b.SIRET = n, siret(b.SIREN, 1)
	b.Email = "donnees@" + slug(b.Name) + ".example"
	b.Website = "https://www." + slug(b.Name) + ".example"
	b.postcode = fmt.Sprintf("99%d00", n%9+1)
	b.lon, b.lat = 5.2+float64(n%6)*0.14, 46.5+float64(n/6)*0.11
	r := 0.05
	if b.Kind == catalog.Departement {
		r = 0.5
	}
	b.BBox = &catalog.BBox{West: round(b.lon - r), South: round(b.lat - r), East: round(b.lon + r), North: round(b.lat + r)}
}

func round(f float64) float64 { return float64(int64(f*1e4+0.5)) / 1e4 }

// siren makes a SIREN with a right check digit.
func siren(prefix, n int) string { return complete(fmt.Sprintf("%05d%03d", prefix, n)) }

// siret makes an establishment's number with a right check digit.
func siret(siren string, n int) string { return complete(fmt.Sprintf("%s%04d", siren, n)) }

// complete adds Luhn's check digit.
func complete(digits string) string {
	sum := 0
	for i := range digits {
		v := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}

func slug(s string) string { return catalog.Slug(s) }

// dice are a body's, for one kind of data: the same at every start.
func (b body) dice(kind string) *rand.Rand {
	h := uint64(b.n + 1)
	for _, c := range kind {
		h = h*1099511628211 + uint64(c)
	}
	return rand.New(rand.NewPCG(h, 0x99))
}

func pick[T any](g *rand.Rand, list []T) T { return list[g.IntN(len(list))] }

// Manifest is what `grenier apply` takes to know the n bodies, their recipes and sources, given the address of their software and the folder
// where some of them drop files.
func Manifest(n int, address, folder string) []byte {
	var w strings.Builder
	w.WriteString("members:\n")
	all := bodies(n)
	for _, b := range all {
		fmt.Fprintf(&w, "  - {siren: %q, name: %q, kind: %s, insee: %q, siret: %q, population: %d, email: %q, website: %q, bbox: {west: %g, south: %g, east: %g, north: %g}%s}\n",
			b.SIREN, b.Name, b.Kind, b.INSEE, b.SIRET, b.Population, b.Email, b.Website, b.BBox.West, b.BBox.South, b.BBox.East, b.BBox.North, b.livery())
	}
	w.WriteString("sources:\n")
	for _, b := range all {
		for _, s := range software {
			if !s.serves(b) {
				continue
			}
			place := fmt.Sprintf("url: %q", address+s.path(b))
			if s.drop {
				place = fmt.Sprintf("dossier: %q", folder+"/"+b.SIREN)
			}
			fmt.Fprintf(&w, "  - {member: %q, recipe: %s, params: {%s}}\n", b.SIREN, s.recipe, place)
		}
	}
	return []byte(w.String())
}

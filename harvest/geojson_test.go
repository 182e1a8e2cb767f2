package harvest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"grenier/schemas"
)

// positions writes the positions of a way near a place, as the tools of town halls do.
func positions(r *rand.Rand, n int) string {
	var b strings.Builder
	x, y := 6.1+r.Float64()/10, 45.4+r.Float64()/10
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		x, y = x+r.Float64()/1000, y+r.Float64()/1000
		fmt.Fprintf(&b, "[%.6f,%.6f]", x, y)
	}
	return b.String()
}

// cycleways writes n sections of ways for bicycles, each of so many positions; one in every is faulty.
func cycleways(n, size, every int) []byte {
	r := rand.New(rand.NewPCG(7, 7))
	var b bytes.Buffer
	b.WriteString(`{"type":"FeatureCollection","features":[`)
	for i := range n {
		if i > 0 {
			b.WriteString(",\n")
		}
		last := `[6.2,45.5]`
		if i%every == every-1 {
			last = `["6,2","45,5"]`
		}
		fmt.Fprintf(&b, `{"type":"Feature","geometry":{"type":"LineString","coordinates":[%s,%s]},"properties":{"id_local":"VAL-AC-%05d","reseau_loc":"Structurant","nom_loc":["V1 Val Clair"],"num_iti":"EV8:V65",`, positions(r, size-1), last, i)
		fmt.Fprintf(&b, `"code_com_d":"73999","ame_d":"PISTE CYCLABLE","regime_d":"ZONE 30","sens_d":"BIDIRECTIONNEL","largeur_d":%.1f,"local_d":"CHAUSSEE","statut_d":"EN SERVICE","revet_d":"LISSE",`, 1+r.Float64())
		fmt.Fprintf(&b, `"code_com_g":"73999","ame_g":"AUCUN","regime_g":"ZONE 30","access_ame":"VTC","date_maj":"2024-0%d-15","trafic_vit":30,"lumiere":true,"d_service":%d,"source":"Communauté de communes du Val Clair","project_c":"2154"}}`, 1+r.IntN(9), 2000+r.IntN(24))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// BenchmarkGeoJSON takes sections of ways through everything that validate does, as BenchmarkDECP does with contracts.
func BenchmarkGeoJSON(b *testing.B) {
	s, err := schemas.National().Lookup("etalab/schema-amenagements-cyclables@0.3.5")
	if err != nil {
		b.Fatal(err)
	}
	shapes := []struct {
		name           string
		n, size, every int
	}{{"many_features", 5000, 8, 100}, {"many_faulty_features", 5000, 8, 1}, {"one_long_line", 1, 50_000, 2}, {"one_faulty_line", 1, 50_000, 1}}
	for _, shape := range shapes {
		b.Run(shape.name, func(b *testing.B) {
			content := cycleways(shape.n, shape.size, shape.every)
			in := Input{Name: "f.json", Size: int64(len(content)), ReaderAt: bytes.NewReader(content)}
			b.SetBytes(in.Size)
			b.ReportAllocs()
			for b.Loop() {
				rep, err := Validate(context.Background(), in, Validation{Schema: s})
				if err != nil || rep.Stats.Rejected != int64(shape.n/shape.every) {
					b.Fatal(err, rep.Stats)
				}
			}
		})
	}
}

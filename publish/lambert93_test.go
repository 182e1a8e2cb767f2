package publish_test

import (
	"math"
	"testing"

	"grenier/publish"
)

func TestLambert93_GivesTheDegreesOfAReferenceProgram(t *testing.T) {
	for _, c := range [][4]float64{ // as PROJ gives them
		{700000, 6600000, 3, 46.5},
		{652381.2, 6862047.1, 2.351001791, 48.856699996},
		{124500, 6825600.5, -4.769479211, 48.275715698},
		{1042345.75, 6298765.25, 7.248391864, 43.705012131},
		{951204.35, 6492817.6, 6.216842742, 45.488760057},
		{1230000, 6100000, 9.370005292, 41.808401583},
	} {
		lon, lat := publish.FromLambert93(c[0], c[1])
		if math.Abs(lon-c[2]) > 1e-8 || math.Abs(lat-c[3]) > 1e-8 {
			t.Errorf("%v: %.9f, %.9f", c, lon, lat)
		}
	}
}

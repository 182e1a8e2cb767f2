package publish

import "math"

// InLambert93 tells whether x and y, in metres, lie within the bounds of Lambert-93, the projection of mainland France.
func InLambert93(x, y float64) bool {
	return x >= -357823 && x <= 1313633 && y >= 6037008 && y <= 7230728
}

// Lambert-93 is the conformal conic projection of the ellipsoid GRS 80 with two standard parallels: 44° and 49° north, origin 3° east and
// 46.5° north, at 700 km and 6600 km. What RGF 93 calls degrees differs from WGS 84 by less than is measured here.
var lambert93 = newConic(6378137, 1/298.257222101, 44, 49, 46.5, 3, 700000, 6600000)

// A conic is a conformal conic projection with two standard parallels.
type conic struct {
	e, n, c      float64 // eccentricity, exponent, radius at the equator
	lon0         float64 // radians
	poleX, poleY float64
}

func newConic(a, flattening, lat1, lat2, lat0, lon0, x0, y0 float64) conic {
	const rad = math.Pi / 180
	p := conic{e: math.Sqrt(flattening * (2 - flattening)), lon0: lon0 * rad}
	width := func(lat float64) float64 { // of the parallel, on the unit ellipsoid
		s := p.e * math.Sin(lat)
		return math.Cos(lat) / math.Sqrt(1-s*s)
	}
	one, two := lat1*rad, lat2*rad
	p.n = math.Log(width(two)/width(one)) / (p.isometric(one) - p.isometric(two))
	p.c = a * width(one) / p.n * math.Exp(p.n*p.isometric(one))
	p.poleX, p.poleY = x0, y0+p.c*math.Exp(-p.n*p.isometric(lat0*rad))
	return p
}

// isometric is the isometric latitude.
func (p *conic) isometric(lat float64) float64 {
	s := p.e * math.Sin(lat)
	return math.Log(math.Tan(math.Pi/4+lat/2) * math.Pow((1-s)/(1+s), p.e/2))
}

// degrees is the point that lies at x, y.
func (p *conic) degrees(x, y float64) (lon, lat float64) {
	dx, dy := x-p.poleX, p.poleY-y
	want := -math.Log(math.Hypot(dx, dy)/p.c) / p.n
	lat = 2*math.Atan(math.Exp(want)) - math.Pi/2
	for range 20 {
		s := p.e * math.Sin(lat)
		next := 2*math.Atan(math.Pow((1+s)/(1-s), p.e/2)*math.Exp(want)) - math.Pi/2
		if math.Abs(next-lat) < 1e-13 {
			lat = next
			break
		}
		lat = next
	}
	return (p.lon0 + math.Atan2(dx, dy)/p.n) * 180 / math.Pi, lat * 180 / math.Pi
}

// FromLambert93 is the longitude and the latitude (WGS 84) of a point in Lambert-93.
func FromLambert93(x, y float64) (lon, lat float64) { return lambert93.degrees(x, y) }

package schemas

import "math"

// A projection is a legal projection of a part of the territory (décret 2000-1276 and its successors), with the rectangle of degrees in which
// it is used: west, south, east, north.
type projection struct {
	bounds  box
	conic   *conic
	central float64 // longitude of the central meridian of a UTM zone
	south   bool
	ellipse ellipse
}

type ellipse struct{ a, e2 float64 }

var (
	grs80         = ellipse{6378137, 0.006694380022900788}
	international = ellipse{6378388, 0.006722670022333322}
)

// projections are those of the national address base, in the order in which it tries them.
var projections = []projection{
	{bounds: box{-9.86, 41.15, 10.38, 51.56}, conic: newConic(49, 44, 46.5, 3, 700000, 6600000)},
	{bounds: box{-63.66, 14.08, -57.52, 18.54}, central: -63},
	{bounds: box{-54.6, 2.11, -49.46, 8.88}, central: -51},
	{bounds: box{51.83, -24.72, 58.24, -18.28}, central: 57, south: true},
	{bounds: box{43.68, -14.49, 46.7, -11.33}, central: 45, south: true},
	{bounds: box{-57.1, 43.41, -55.9, 47.37}, central: -57},
	{bounds: box{163.55, -22.75, 168.2, -19.54}, conic: newConic(-20.66666666666667, -22.33333333333333, -21.5, 166, 400000, 300000)},
	{bounds: box{-155, -24, -150, -9}, central: -153, south: true},
	{bounds: box{-150, -29, -144, -13}, central: -147, south: true},
	{bounds: box{-144, -29, -138, -7}, central: -141, south: true},
	{bounds: box{-138, -25, -132, -18}, central: -135, south: true},
	{bounds: box{-177, -14, -176, -13}, central: -177, south: true, ellipse: international},
}

// projectionAt returns the projection in use at a point, nil outside the territory and for NaN.
func projectionAt(lon, lat float64) *projection {
	for i := range projections {
		if b := &projections[i].bounds; lon >= b[0] && lat >= b[1] && lon <= b[2] && lat <= b[3] {
			return &projections[i]
		}
	}
	return nil
}

const degree = math.Pi / 180

// project returns the plane coordinates of a point, in metres.
func (p *projection) project(lon, lat float64) (x, y float64) {
	if p.conic != nil {
		return p.conic.project(lon, lat)
	}
	e := p.ellipse
	if e.a == 0 {
		e = grs80
	}
	return transverse(e, (lon-p.central)*degree, lat*degree, p.south)
}

// A conic is a Lambert conformal conic projection with two standard parallels on GRS 80.
type conic struct{ lon, n, f, top, x, y float64 }

func newConic(lat1, lat2, lat0, lon0, x, y float64) *conic {
	e := math.Sqrt(grs80.e2)
	scale := func(lat float64) float64 {
		s := math.Sin(lat * degree)
		return math.Cos(lat*degree) / math.Sqrt(1-grs80.e2*s*s)
	}
	m1, m2, q1, q2 := scale(lat1), scale(lat2), isometric(lat1, e), isometric(lat2, e)
	n := math.Log(m1/m2) / (q2 - q1)
	f := grs80.a * m1 / n * math.Exp(n*q1)
	return &conic{lon: lon0, n: n, f: f, top: f * math.Exp(-n*isometric(lat0, e)), x: x, y: y}
}

// isometric is the isometric latitude.
func isometric(lat, e float64) float64 {
	s := math.Sin(lat * degree)
	return math.Atanh(s) - e*math.Atanh(e*s)
}

var eccentricity = math.Sqrt(grs80.e2)

func (c *conic) project(lon, lat float64) (x, y float64) {
	r := c.f * math.Exp(-c.n*isometric(lat, eccentricity))
	sin, cos := math.Sincos(c.n * (lon - c.lon) * degree)
	return c.x + r*sin, c.y + c.top - r*cos
}

// transverse is UTM, by Krüger's series to the third order: good to a millimetre within a zone and a half.
func transverse(e ellipse, dlon, lat float64, south bool) (x, y float64) {
	f := 1 - math.Sqrt(1-e.e2)
	n := f / (2 - f)
	n2, n3 := n*n, n*n*n
	a := e.a / (1 + n) * (1 + n2/4 + n2*n2/64)
	alpha := [3]float64{n/2 - 2*n2/3 + 5*n3/16, 13*n2/48 - 3*n3/5, 61 * n3 / 240}
	ecc := math.Sqrt(e.e2)
	s := math.Sin(lat)
	t := math.Sinh(math.Atanh(s) - ecc*math.Atanh(ecc*s))
	sin, cos := math.Sincos(dlon)
	xi, eta := math.Atan2(t, cos), math.Asinh(sin/math.Hypot(t, cos))
	north, east := xi, eta
	for j, k := range alpha {
		m := 2 * float64(j+1)
		north += k * math.Sin(m*xi) * math.Cosh(m*eta)
		east += k * math.Cos(m*xi) * math.Sinh(m*eta)
	}
	x, y = 500000+0.9996*a*east, 0.9996*a*north
	if south {
		y += 10000000
	}
	return x, y
}

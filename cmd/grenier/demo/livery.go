package demo

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"

	"grenier/catalog"
)

// OperatorColours are those of the portal, and OperatorMark its mark: a granary above the river.
var OperatorColours = catalog.Colours{Main: "#1f4d5c", Accent: "#a84b18"}

// OperatorMark is a drawing.
const OperatorMark = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><rect width="64" height="64" rx="10" fill="#1f4d5c"/>` +
	`<path d="M12 30 32 14l20 16" fill="none" stroke="#fff" stroke-width="4" stroke-linejoin="round" stroke-linecap="round"/>` +
	`<path d="M18 33h28M18 40h28" stroke="#fff" stroke-width="3.4" stroke-linecap="round"/><path d="M10 51c5-4 9-4 14 0s10 4 15 0 9-4 15 0" fill="none" stroke="#eca673" stroke-width="3.6" stroke-linecap="round"/></svg>
`

// liveries are the colours and the field of the shield of a few bodies, by rank.
var liveries = map[int]struct {
	main, accent string
	drawn        string // inside the shield
}{
	0: {"#27408b", "#a84b18", `<path d="M6 40c9-7 17-7 26 0s17 7 26 0v6c-9 7-17 7-26 0s-17-7-26 0z" fill="#fff"/>`},
	1: {"#6a2c70", "#8a5a00", `<path d="m32 14 5 11 12 1-9 8 3 12-11-6-11 6 3-12-9-8 12-1z" fill="#fff"/>`},
	2: {"#2b6b47", "#9c3d00", `<path d="M32 12v36M18 26h28" stroke="#fff" stroke-width="6"/>`},
	3: {"#8c2f39", "#1f4d5c", `<path d="M10 12h44L32 46z" fill="#fff"/>`},
	4: {"#1d5b79", "#a3262a", ""},
	6: {"#5b4a1f", "#1d5b79", `<circle cx="32" cy="28" r="11" fill="#fff"/>`},
}

// bitmapped is the body whose mark is a PNG.
const bitmapped = 4

// livery is what the manifest says of the body's pages, "" for most.
func (b body) livery() string {
	l, ok := liveries[b.n]
	if !ok {
		return ""
	}
	ext := "svg"
	if b.n == bitmapped {
		ext = "png"
	}
	return fmt.Sprintf(", logo: %s.%s, colours: {main: %q, accent: %q}", b.SIREN, ext, l.main, l.accent)
}

// Logo reads the mark of a body, by the name that the manifest gives it.
func Logo(name string) ([]byte, error) {
	for n, b := range bodies(len(liveries) + 2) {
		l, ok := liveries[n]
		switch {
		case ok && name == b.SIREN+".svg":
			return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64"><clipPath id="ecu"><path d="M8 6h48v26c0 14-10 22-24 28C18 54 8 46 8 32z"/></clipPath>`+
				`<g clip-path="url(#ecu)"><path d="M0 0h64v64H0z" fill="%s"/>%s</g></svg>`+"\n", l.main, l.drawn), nil
		case ok && name == b.SIREN+".png":
			return quarters(l.main, l.accent)
		}
	}
	return nil, fs.ErrNotExist
}

// quarters is a square parted in four.
func quarters(main, accent string) ([]byte, error) {
	picture := image.NewPaletted(image.Rect(0, 0, 96, 96), color.Palette{hex(main), hex(accent), color.White})
	for y := range 96 {
		for x := range 96 {
			field := uint8(0)
			if (x < 48) != (y < 48) {
				field = 1
			}
			if (x-48)*(x-48)+(y-48)*(y-48) < 18*18 {
				field = 2
			}
			picture.SetColorIndex(x, y, field)
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, picture)
	return b.Bytes(), err
}

func hex(s string) color.Color {
	c := color.RGBA{A: 255}
	fmt.Sscanf(s, "#%02x%02x%02x", &c.R, &c.G, &c.B)
	return c
}

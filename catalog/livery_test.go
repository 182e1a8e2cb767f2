package catalog

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"
	"testing"
)

func TestContrast_IsThatOfTheRecommendation(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		ratio float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#ffffff", "#777777", 4.48}, {"#1f4d5c", "#1f4d5c", 1}, {"rouge", "#ffffff", 0}} {
		if got := Contrast(c.a, c.b); math.Abs(got-c.ratio) > .01 {
			t.Errorf("Contrast(%s, %s) = %.3f, want %.2f", c.a, c.b, got, c.ratio)
		}
	}
}

func TestColours_AreRefusedWithTheMeasuredRatio(t *testing.T) {
	for _, c := range []struct {
		colours Colours
		says    string // "" is accepted
	}{
		{Colours{}, ""},
		{Colours{"#1f4d5c", "#a84b18"}, ""},
		{Colours{"#1F4D5C", "#A84B18"}, ""},
		{Colours{"#1f4d5c", ""}, "les deux couleurs"},
		{Colours{"1f4d5c", "#a84b18"}, "n’est pas une couleur"},
		{Colours{"#abc", "#a84b18"}, "n’est pas une couleur"},
		{Colours{"#+f4d5c", "#a84b18"}, "n’est pas une couleur"},
		{Colours{"#ffd700", "#a84b18"}, "main\u00a0: #ffd700 se distingue trop peu du fond des pages (contraste de 1,2:1, il en faut 4,5:1 pour les textes)"},
		{Colours{"#1f4d5c", "#f0a060"}, "accent\u00a0: #f0a060 se distingue trop peu du fond des pages (contraste de 1,8:1, il en faut 3:1 pour les contours)"},
	} {
		err := c.colours.Check()
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v: %v, want %q", c.colours, err, c.says)
		}
	}
}

func TestPalettes_StandOutInBothThemes(t *testing.T) {
	tried := 0
	for r := 0; r < 256; r += 15 {
		for g := 0; g < 256; g += 15 {
			for b := 0; b < 256; b += 15 {
				one := rgb{float64(r), float64(g), float64(b)}.String()
				c := Colours{one, one}
				if c.Check() != nil {
					continue
				}
				tried++
				light, dark := c.Palettes()
				if light.Main != one || light.Accent != one {
					t.Fatalf("%s became %v", one, light)
				}
				for _, p := range []struct {
					fore, ground string
					least        float64
				}{{light.Main, light.MainGround, TextContrast}, {light.Main, "#ffffff", TextContrast}, {dark.Main, dark.MainGround, TextContrast}, {dark.Main, "#10171a", TextContrast}, {dark.Accent, DarkGround, ControlContrast}} {
					if got := Contrast(p.fore, p.ground); got < p.least {
						t.Fatalf("%s: %s on %s is %.2f", one, p.fore, p.ground, got)
					}
				}
			}
		}
	}
	if tried < 500 {
		t.Fatalf("only %d colours tried", tried)
	}
}

func TestReadLogo_KeepsWhatOnlyDraws(t *testing.T) {
	var small bytes.Buffer
	picture := image.NewRGBA(image.Rect(0, 0, 4, 4))
	picture.Set(1, 1, color.Black)
	if err := png.Encode(&small, picture); err != nil {
		t.Fatal(err)
	}
	for ext, data := range map[string]string{
		".png":  small.String(),
		".webp": "RIFF\x10\x00\x00\x00WEBPVP8 \x00\x00\x00\x00",
		".svg": `<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd"><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:sodipodi="http://sodipodi.example/sodipodi-0.dtd" viewBox="0 0 10 10">` +
			`<title>Blason</title><sodipodi:namedview id="v"/><metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:li>note</rdf:li></rdf:RDF></metadata>` +
			`<defs><linearGradient id="a"><stop offset="0" style="stop-color:#123456"/></linearGradient></defs><style>.b{fill:url(#a)}</style><path class="b" d="M0 0h9v9z"/><use xlink:href="#a"/></svg>`,
	} {
		l, err := ReadLogo([]byte(data))
		if err != nil || !strings.HasSuffix(l.Name, ext) || LogoMediaType(l.Name) == "" {
			t.Errorf("%s: %q, %v", ext, l.Name, err)
		}
	}
}

func TestReadLogo_RefusesWhatDoesMore(t *testing.T) {
	svg := func(inside string) string {
		return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:h="http://www.w3.org/1999/xhtml">` + inside + `</svg>`
	}
	var wide bytes.Buffer
	if err := png.Encode(&wide, image.NewGray(image.Rect(0, 0, maxSide+1, 1))); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ data, says string }{
		"empty":           {"", "n’est pas un logo"},
		"text":            {"un blason", "n’est pas un logo"},
		"page":            {"<html><svg></svg></html>", "l’élément «\u00a0html\u00a0»"},
		"large":           {strings.Repeat("x", MaxLogo+1), "dépasse 200 ko"},
		"wide":            {wide.String(), "4097 × 1 pixels"},
		"script":          {svg("<script>alert(1)</script>"), "l’élément «\u00a0script\u00a0»"},
		"foreign script":  {svg("<h:script>alert(1)</h:script>"), "l’élément «\u00a0script\u00a0»"},
		"script in notes": {svg("<metadata><script>alert(1)</script></metadata>"), "l’élément «\u00a0script\u00a0»"},
		"foreign object":  {svg("<foreignObject/>"), "foreignObject"},
		"page inside":     {svg(`<h:iframe src="https://x.example"/>`), "iframe"},
		"event":           {svg(`<path onclick="alert(1)"/>`), "onclick"},
		"event, capitals": {svg(`<path ONLOAD="alert(1)"/>`), "ONLOAD"},
		"link":            {svg(`<use xlink:href="https://x.example/a.svg#b"/>`), "un renvoi vers"},
		"script link":     {svg(`<use href="javascript:alert(1)"/>`), "un renvoi vers"},
		"animation":       {svg(`<set attributeName="href" to="javascript:alert(1)"/>`), "l’élément «\u00a0set\u00a0»"},
		"image":           {svg(`<image href="https://x.example/a.png"/>`), "l’élément «\u00a0image\u00a0»"},
		"entity":          {`<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg"/>`, "une définition d’entité"},
		"sheet":           {`<?xml-stylesheet href="https://x.example/a.css"?>` + svg(""), "une instruction"},
		"import":          {svg("<style>@import 'https://x.example/a.css';</style>"), "une feuille de style"},
		"fetching style":  {svg("<style>a{fill:url( 'https://x.example/a')}</style>"), "une feuille de style"},
		"riddle":          {svg(`<path style="fill:u\72l(https://x.example)"/>`), "l’attribut «\u00a0style\u00a0»"},
		"fetching fill":   {svg(`<path fill="url(https://x.example/a)"/>`), "l’attribut «\u00a0fill\u00a0»"},
		"cut":             {`<svg xmlns="http://www.w3.org/2000/svg"><path`, "mal écrit"},
	} {
		_, err := ReadLogo([]byte(c.data))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

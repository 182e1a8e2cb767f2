package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // the sizes of JPEG files
	_ "image/png"  // the sizes of PNG files
	"io"
	"math"
	"path"
	"strconv"
	"strings"
)

// A livery is what a member, or the operator, puts on its pages: a mark and two colours. What is judged here is judged once, when it is
// brought in, so that no page has to be looked at again.

// MaxLogo is how many bytes a mark may have.
const MaxLogo = 200_000

// maxSide is how many pixels wide or high a mark may be: nobody shows more, and a small file can hold a huge picture.
const maxSide = 4096

// Grounds of the pages that a colour must stand out from: the darkest of the light theme, and the lightest of the dark one.
const (
	LightGround = "#f2efe6"
	DarkGround  = "#20282a"
)

// What a text and a control need to stand out (WCAG 1.4.3 and 1.4.11).
const (
	TextContrast    = 4.5
	ControlContrast = 3.0
)

// Colours are the two of a livery, as #rrggbb: Main is that of links and buttons, Accent that of the ring around what has the focus.
// The zero value is the colours of the sheet.
type Colours struct {
	Main   string `json:"main,omitempty" yaml:"main" koanf:"main"`
	Accent string `json:"accent,omitempty" yaml:"accent" koanf:"accent"`
}

// Check says, in French, what is wrong with the pair: a colour that is none, or one that readers could not tell from the page.
func (c Colours) Check() error {
	if c == (Colours{}) {
		return nil
	}
	if c.Main == "" || c.Accent == "" {
		return errors.New("donnez les deux couleurs, main et accent, ou aucune")
	}
	for _, one := range []struct {
		name, value, use string
		least            float64
	}{{"main", c.Main, "les textes", TextContrast}, {"accent", c.Accent, "les contours", ControlContrast}} {
		if _, err := parseColour(one.value); err != nil {
			return fmt.Errorf("%s\u00a0: %w", one.name, err)
		}
		if ratio := Contrast(one.value, LightGround); ratio < one.least {
			return fmt.Errorf("%s\u00a0: %s se distingue trop peu du fond des pages (contraste de %s, il en faut %s pour %s)\u00a0; choisissez une couleur plus foncée",
				one.name, one.value, ratioWords(ratio, math.Floor), ratioWords(one.least, math.Round), one.use)
		}
	}
	return nil
}

// ratioWords writes 4.52 as "4,5:1", never better than it is when round is math.Floor.
func ratioWords(ratio float64, round func(float64) float64) string {
	return strings.Replace(strconv.FormatFloat(round(ratio*10)/10, 'f', -1, 64), ".", ",", 1) + ":1"
}

// A rgb is a colour, each part from 0 to 255.
type rgb [3]float64

func parseColour(s string) (c rgb, err error) {
	digits := strings.TrimPrefix(s, "#")
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || len(digits) != 6 || len(s) != 7 {
		return c, fmt.Errorf("«\u00a0%s\u00a0» n’est pas une couleur\u00a0: attend un dièse et six chiffres hexadécimaux, par exemple #1f4d5c", s)
	}
	return rgb{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}, nil
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]+.5), int(c[1]+.5), int(c[2]+.5))
}

// luminance is that of WCAG 2.
func (c rgb) luminance() float64 {
	weights, sum := rgb{.2126, .7152, .0722}, 0.0
	for i, v := range c {
		v /= 255
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		sum += weights[i] * v
	}
	return sum
}

// lightness is that of HSL, from 0 to 1.
func (c rgb) lightness() float64 {
	return (max(c[0], c[1], c[2]) + min(c[0], c[1], c[2])) / 510
}

// lit is the colour at another lightness of HSL: its hue and saturation stay.
func (c rgb) lit(to float64) rgb {
	from := c.lightness()
	span := func(light float64) float64 { return 1 - math.Abs(2*light-1) } // how far apart the parts may be
	scale := 0.0
	if span(from) > 0 {
		scale = span(to) / span(from)
	}
	for i := range c {
		c[i] = min(max((c[i]-from*255)*scale+to*255, 0), 255)
	}
	return c
}

// mixed is share of the colour and the rest of another.
func (c rgb) mixed(other rgb, share float64) rgb {
	for i := range c {
		c[i] = math.Round(c[i]*share + other[i]*(1-share))
	}
	return c
}

// Contrast is the ratio between two colours, from 1 to 21; 0 when one is none.
func Contrast(a, b string) float64 {
	x, err := parseColour(a)
	y, err2 := parseColour(b)
	if err != nil || err2 != nil {
		return 0
	}
	light, dark := x.luminance(), y.luminance()
	if light < dark {
		light, dark = dark, light
	}
	return (light + .05) / (dark + .05)
}

// A Palette is what a sheet needs of a pair of colours in one theme.
type Palette struct{ Main, MainGround, Accent string }

// Palettes derives those of the light and the dark theme. The colours have passed Check: in the light theme they are what was asked; in the
// dark one they are made lighter, no more than it takes.
func (c Colours) Palettes() (light, dark Palette) {
	white := rgb{255, 255, 255}
	main, _ := parseColour(c.Main)
	accent, _ := parseColour(c.Accent)
	light = Palette{Main: c.Main, MainGround: LightGround, Accent: c.Accent}
	if tint := main.mixed(white, .1).String(); Contrast(tint, c.Main) >= TextContrast {
		light.MainGround = tint
	}
	lighter := func(from rgb, least float64) string {
		for light := from.lightness(); ; light += .01 {
			if s := from.lit(min(light, 1)).String(); Contrast(s, DarkGround) >= least || light >= 1 {
				return s
			}
		}
	}
	dark = Palette{Main: lighter(main, TextContrast+1), MainGround: DarkGround, Accent: lighter(accent, TextContrast)}
	return light, dark
}

// A Logo is a mark that was read and found harmless. Name is its hash with the extension of what it is: the same bytes have the same name.
type Logo struct {
	Name string
	Data []byte
}

// LogoMediaType is what a mark of that name is; "" for a name that no mark has.
func LogoMediaType(name string) string {
	return map[string]string{".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}[path.Ext(name)]
}

// ReadLogo reads a mark. The error is a French sentence: what it is, and what to do.
func ReadLogo(data []byte) (Logo, error) {
	if len(data) > MaxLogo {
		return Logo{}, errors.New("ce logo dépasse 200 ko\u00a0; réduisez-le")
	}
	ext, err := logoKind(data)
	if err != nil {
		return Logo{}, err
	}
	sum := sha256.Sum256(data)
	return Logo{Name: hex.EncodeToString(sum[:16]) + ext, Data: data}, nil
}

func logoKind(data []byte) (ext string, err error) {
	if len(data) >= 16 && string(data[:4]) == "RIFF" && string(data[8:12]) == "WEBP" {
		return ".webp", nil
	}
	if c, kind, err := image.DecodeConfig(bytes.NewReader(data)); err == nil {
		if c.Width > maxSide || c.Height > maxSide || c.Width == 0 || c.Height == 0 {
			return "", fmt.Errorf("ce logo mesure %d × %d pixels\u00a0; réduisez-le à %d au plus", c.Width, c.Height, maxSide)
		}
		return map[string]string{"png": ".png", "jpeg": ".jpg"}[kind], nil
	}
	if bytes.Contains(data[:min(len(data), 4096)], []byte("<svg")) {
		return ".svg", harmless(data)
	}
	return "", errors.New("ce fichier n’est pas un logo\u00a0: attend une image SVG, PNG, JPEG ou WebP")
}

// errLiveSVG is what is said of a drawing that could do more than be looked at.
func errLiveSVG(what string) error {
	return fmt.Errorf("ce dessin SVG contient %s, qui pourrait agir ou appeler un autre site\u00a0; exportez-le en «\u00a0SVG simple\u00a0», ou en PNG", what)
}

// drawn are the elements of SVG that only draw.
var drawn = map[string]bool{
	"svg": true, "g": true, "defs": true, "title": true, "desc": true, "metadata": true, "symbol": true, "use": true, "style": true,
	"path": true, "rect": true, "circle": true, "ellipse": true, "line": true, "polyline": true, "polygon": true, "text": true, "tspan": true,
	"linearGradient": true, "radialGradient": true, "stop": true, "clipPath": true, "mask": true, "pattern": true, "marker": true,
}

// harmless reads a drawing to its end and refuses what does more than draw: scripts, events, links, other documents, entities. Elements of
// other vocabularies (an editor's notes) draw nothing and are left alone inside metadata only.
func harmless(data []byte) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = true
	inside, notes, style := 0, 0, false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if inside != 0 {
				return errors.New("ce dessin SVG n’est pas complet")
			}
			return nil
		}
		if err != nil {
			return errors.New("ce dessin SVG est mal écrit\u00a0; exportez-le à nouveau, ou en PNG")
		}
		switch x := token.(type) {
		case xml.Directive:
			if !plainDoctype(x) {
				return errLiveSVG("une définition d’entité")
			}
		case xml.ProcInst:
			if x.Target != "xml" {
				return errLiveSVG("une instruction «\u00a0" + x.Target + "\u00a0»")
			}
		case xml.StartElement:
			inside++
			if notes > 0 || x.Name.Local == "metadata" {
				notes++
			}
			if style, err = x.Name.Local == "style", harmlessElement(x, notes > 0); err != nil {
				return err
			}
		case xml.EndElement:
			inside--
			style = false
			notes = max(notes-1, 0)
		case xml.CharData:
			if style && !harmlessStyle(string(x)) {
				return errLiveSVG("une feuille de style qui en appelle une autre")
			}
		}
	}
}

// plainDoctype tells a mention of the standard from definitions.
func plainDoctype(d xml.Directive) bool {
	return bytes.HasPrefix(d, []byte("DOCTYPE svg")) && !bytes.ContainsAny(d, "[")
}

func harmlessElement(x xml.StartElement, note bool) error {
	foreign := x.Name.Space != "" && x.Name.Space != "http://www.w3.org/2000/svg"
	if !drawn[x.Name.Local] && !(foreign && (note || strings.Contains(x.Name.Space, "sodipodi") || strings.Contains(x.Name.Space, "inkscape"))) || foreign && drawn[x.Name.Local] && x.Name.Local != "title" {
		return errLiveSVG("l’élément «\u00a0" + x.Name.Local + "\u00a0»")
	}
	for _, a := range x.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(strings.TrimSpace(a.Value))
		switch {
		case strings.HasPrefix(name, "on"):
			return errLiveSVG("l’attribut «\u00a0" + a.Name.Local + "\u00a0»")
		case name == "href" && !strings.HasPrefix(value, "#"), name == "src", name == "base":
			return errLiveSVG("un renvoi vers «\u00a0" + a.Value + "\u00a0»")
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || note:
		case !harmlessStyle(value):
			return errLiveSVG("l’attribut «\u00a0" + a.Name.Local + "\u00a0»")
		}
	}
	return nil
}

// harmlessStyle refuses what fetches: url() is for the drawing's own parts only, and nothing is written in riddles.
func harmlessStyle(s string) bool {
	s = strings.ToLower(s)
	if strings.ContainsAny(s, `\`) || strings.Contains(s, "@import") || strings.Contains(s, "javascript:") || strings.Contains(s, "data:") {
		return false
	}
	for rest := s; ; {
		_, after, found := strings.Cut(rest, "url(")
		if !found {
			return true
		}
		if rest = strings.TrimLeft(after, ` "'`); !strings.HasPrefix(rest, "#") {
			return false
		}
	}
}

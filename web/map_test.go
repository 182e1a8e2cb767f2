package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"grenier/publish/publishtest"
	"grenier/schemas"
)

// poles are charging stations, whose columns say where they stand.
var poles = publishtest.Schema(schemas.Field{Name: "nom_station", Type: schemas.String, Title: "Station"}, schemas.Field{Name: "adresse", Type: schemas.String}, schemas.Field{Name: "consolidated_longitude", Type: schemas.Number},
	schemas.Field{Name: "consolidated_latitude", Type: schemas.Number}, schemas.Field{Name: "code_postal", Type: schemas.String}, schemas.Field{Name: "type", Type: schemas.String}, schemas.Field{Name: "puissance", Type: schemas.Integer}, schemas.Field{Name: "date_mise_en_service", Type: schemas.Date})

func poleRows(n int) (rows [][]string) {
	for i := range n {
		rows = append(rows, []string{"Borne <b>" + strconv.Itoa(i), "Place " + strconv.Itoa(i), "5." + strconv.Itoa(400+i), "46." + strconv.Itoa(600+(i*7)%90), "39100", "rapide", strconv.Itoa(22 * (i%3 + 1)), "2024-01-01"})
	}
	return append(rows, []string{"Sans lieu", "", "", "", "", "", "", ""})
}

func mapWorld(t testing.TB, rows [][]string) *world {
	w := newWorld()
	rowsWorldOf(t, w, poles, rows)
	w.datasets[0].Rows = int64(len(rows))
	return w
}

func TestMap_IsADrawingAndATableWithoutAScript(t *testing.T) {
	h := newServer(t, config(t, mapWorld(t, poleRows(60)))).Handler()
	rec := get(h, delibPath+"/carte")
	want(t, rec, 200, `aria-label="Dessin sans fond de carte : 60 lieux"`, "61 lignes", "Borne &lt;b&gt;0", `<button type="button" id="ouvrir-carte" hidden>`, `data-geojson="`+delibPath+`/carte.geojson"`, "maplibre-gl.mjs?v=", "Toutes les lignes")
	lacks(t, rec, "<b>0")
	csp := rec.Header().Get("Content-Security-Policy")
	for _, part := range []string{"worker-src 'self'", "connect-src 'self'", "img-src 'self' data: blob:", "script-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("Content-Security-Policy lacks %s: %s", part, csp)
		}
	}
	want(t, get(h, delibPath), 200, `href="`+delibPath+`/carte">Voir sur une carte`)
	few := get(h, delibPath+"/carte?puissance__exact=22")
	want(t, few, 200, "20 lieux", "puissance est « 22 »", "noindex")
	want(t, get(h, delibPath+"/carte?puissance__exact=beaucoup"), http.StatusBadRequest, "Cette question n’a pas de réponse")
	want(t, get(h, delibPath+"/carte?adresse__isnull"), 200, "Aucun lieu à montrer")
	want(t, get(h, delibPath+"/donnees?puissance__exact=22"), 200, delibPath+"/carte?puissance__exact=22")
}

func TestMap_GivesPlacesAndWhatTellsOfThem(t *testing.T) {
	h := newServer(t, config(t, mapWorld(t, poleRows(60)))).Handler()
	rec := get(h, delibPath+"/carte.geojson?puissance__exact=22")
	want(t, rec, 200)
	wantHeader(t, rec, "Content-Type", "application/geo+json; charset=utf-8")
	wantHeader(t, rec, "Access-Control-Allow-Origin", "*")
	var all struct {
		Features []struct {
			Geometry   struct{ Coordinates []float64 }
			Properties map[string]any
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Features) != 20 || all.Features[0].Geometry.Coordinates[0] != 5.4 || all.Features[0].Properties["nom_station"] != "Borne <b>0" {
		t.Errorf("%d places, the first %+v", len(all.Features), all.Features[0])
	}
	want(t, get(h, delibPath+"/carte.geojson", "If-None-Match", get(h, delibPath+"/carte.geojson").Header().Get("ETag")), http.StatusNotModified)
	want(t, get(h, delibPath+"/carte.geojson?rien__exact=1"), http.StatusBadRequest, "La colonne")
}

func TestMap_IsNotThereWithoutPlaces(t *testing.T) {
	_, h, _ := grantSite(t, grantRows(3))
	want(t, get(h, delibPath+"/carte"), http.StatusNotFound, "aucune colonne n’a de coordonnées")
	want(t, get(h, delibPath+"/carte.geojson"), http.StatusNotFound, "no_places")
}

func TestMap_LetsTheHostOfItsBackgroundInAndNoOther(t *testing.T) {
	c := config(t, mapWorld(t, poleRows(5)))
	c.MapStyle = "https://fonds.example.org/gris/style.json"
	h := newServer(t, c).Handler()
	rec := get(h, delibPath+"/carte")
	want(t, rec, 200, `data-fond="https://fonds.example.org/gris/style.json"`)
	csp := rec.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "connect-src 'self' https://fonds.example.org") || !strings.Contains(csp, "img-src 'self' https://fonds.example.org data: blob:") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
	worker := get(h, assetAddress(mapWorker)).Header().Get("Content-Security-Policy")
	if !strings.Contains(worker, "connect-src 'self' https://fonds.example.org") {
		t.Errorf("policy of the worker %q", worker)
	}
	for _, target := range []string{"/", delibPath, delibPath + "/donnees", "/jeux"} {
		if strings.Contains(get(h, target).Header().Get("Content-Security-Policy"), "fonds.example.org") {
			t.Errorf("%s lets the host of backgrounds in", target)
		}
	}
}

func TestLayDots_StaysInsideItsFrame(t *testing.T) {
	for name, points := range map[string][][2]float64{"none": nil, "one": {{5, 46}}, "same": {{5, 46}, {5, 46}}, "a line": {{5, 46}, {6, 46}}, "the world": {{-180, -84}, {180, 84}}} {
		d := layDots(points)
		for _, one := range strings.FieldsFunc(d.Path, func(r rune) bool { return r == 'M' }) {
			x, y, _ := strings.Cut(strings.TrimSuffix(one, "h0"), " ")
			a, _ := strconv.Atoi(x)
			b, _ := strconv.Atoi(y)
			if a < 0 || a > d.Width || b < 0 || b > d.Height {
				t.Errorf("%s: a dot at %d, %d of %d, %d", name, a, b, d.Width, d.Height)
			}
		}
		if (d.Path == "") != (len(points) == 0) {
			t.Errorf("%s: path %q", name, d.Path)
		}
	}
}

// The library is what static/README.md says it is.
func TestMap_UsesTheLibraryThatIsWrittenDown(t *testing.T) {
	told, err := os.ReadFile("static/README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("static/maplibre-gl*")
	if err != nil || len(files) != 4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if !strings.Contains(string(told), hex.EncodeToString(sum[:])) {
			t.Errorf("static/README.md does not know this %s", file)
		}
	}
}

// lookAtMap opens the page that its first argument names, opens the map, and prints what it saw; the second argument names a picture.
const lookAtMap = `
import puppeteer from 'puppeteer-core'
const [page, picture] = process.argv.slice(1)
const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-dev-shm-usage', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--lang=fr-FR'] })
try {
  const tab = await browser.newPage()
  await tab.setViewport({ width: 1000, height: 900 })
  const asked = [], faults = []
  tab.on('request', r => asked.push(r.url()))
  tab.on('pageerror', e => faults.push(String(e)))
  tab.on('console', m => { if (m.type() === 'error') faults.push(m.text()) })
  await tab.goto(page, { waitUntil: 'load' })
  const before = asked.length
  await tab.focus('#ouvrir-carte')
  await tab.keyboard.press('Enter')
  await tab.waitForFunction(() => document.querySelector('#carte').dataset.dessines !== undefined || document.querySelector('#etat-carte').textContent.includes('pas pu'), { timeout: 40000 })
  const found = await tab.evaluate(() => ({ drawn: Number(document.querySelector('#carte').dataset.dessines), told: document.querySelector('#etat-carte').textContent,
    focus: document.activeElement.className, label: document.activeElement.getAttribute('aria-label'), xss: globalThis.__xss ?? null }))
  await (await tab.$('.carte-vive')).screenshot({ path: picture })
  await tab.goto(page + '?nom_station__exact=' + encodeURIComponent('Borne <b>7'), { waitUntil: 'load' })
  await tab.click('#ouvrir-carte')
  await tab.waitForFunction(() => document.querySelector('#carte').dataset.dessines !== undefined, { timeout: 40000 })
  await tab.click('.carte-vive canvas') // in its middle, where the only point is
  const said = await (await tab.waitForSelector('.lieu', { timeout: 10000 })).evaluate((e) => e.textContent + ', ' + e.querySelectorAll('b').length + ' marks')
  console.log(JSON.stringify({ ...found, said, before, asked, faults }))
} finally { await browser.close() }
`

func TestMap_DrawsItsPointsInChromiumAndAsksNobodyElse(t *testing.T) {
	folder := os.Getenv("GRENIER_TEST_AXE")
	if folder == "" {
		t.Skip("GRENIER_TEST_AXE is not set: Chromium does not open the map (.ci/test installs what it needs)")
	}
	background := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = io.WriteString(w, `{"version": 8, "sources": {}, "layers": [{"id": "fond", "type": "background", "paint": {"background-color": "#e0c040"}}]}`)
	}))
	defer background.Close()
	t.Run("alone", func(t *testing.T) { drawMap(t, folder, "") })
	t.Run("with a background", func(t *testing.T) { drawMap(t, folder, background.URL+"/style.json") })
}

// drawMap opens the map in Chromium, with a background or without.
func drawMap(t *testing.T, folder, style string) {
	c := config(t, mapWorld(t, poleRows(60)))
	c.MapStyle = style
	web := httptest.NewUnstartedServer(nil)
	c.BaseURL = "http://" + web.Listener.Addr().String()
	web.Config.Handler = newServer(t, c).Handler()
	web.Start()
	defer web.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	picture := filepath.Join(t.TempDir(), "carte.png")
	cmd := exec.CommandContext(ctx, "node", "--input-type=module", "-e", lookAtMap, c.BaseURL+delibPath+"/carte", picture)
	cmd.Dir, cmd.WaitDelay = folder, 5*time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var saw struct {
		Drawn, Before int
		Told, Focus   string
		Said          string
		Label         string
		Asked, Faults []string
	}
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if saw.Drawn < 5 || !strings.Contains(saw.Told, "60 lieux") || len(saw.Faults) > 0 || saw.Focus != "maplibregl-canvas" || !strings.Contains(saw.Label, "Flèches") {
		t.Errorf("%s", out)
	}
	if !strings.Contains(saw.Said, "StationBorne <b>7") || !strings.Contains(saw.Said, "Place 7") || !strings.HasSuffix(saw.Said, ", 0 marks") {
		t.Errorf("a point says %q", saw.Said)
	}
	for i, address := range saw.Asked {
		if address != style && !strings.HasPrefix(address, c.BaseURL+"/") && !strings.HasPrefix(address, "data:") && !strings.HasPrefix(address, "blob:"+c.BaseURL) {
			t.Errorf("the page asks %s", address)
		}
		if i < saw.Before && strings.Contains(address, "maplibre") {
			t.Errorf("%s is loaded before anyone asks for the map", address)
		}
	}
	if n := tinted(t, picture, 0x1f, 0x4d, 0x5c); n < 300 {
		t.Errorf("%d pixels of the picture have the colour of points", n)
	}
	if n := tinted(t, picture, 0xe0, 0xc0, 0x40); (n > 100_000) != (style != "") {
		t.Errorf("%d pixels of the picture have the colour of the background", n)
	}
}

// tinted counts the pixels of a picture that have a colour.
func tinted(t *testing.T, file string, red, green, blue uint32) (n int) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for y := picture.Bounds().Min.Y; y < picture.Bounds().Max.Y; y++ {
		for x := picture.Bounds().Min.X; x < picture.Bounds().Max.X; x++ {
			r, g, b, _ := picture.At(x, y).RGBA()
			if near(r>>8, red) && near(g>>8, green) && near(b>>8, blue) {
				n++
			}
		}
	}
	return n
}

func near(a, b uint32) bool { return max(a, b)-min(a, b) < 48 }

package demo

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"grenier/catalog"
)

// A program is one emulated business software: who uses it, and what it exposes.
type program struct {
	name   string // first part of its addresses
	ext    string
	recipe string
	drop   bool // it drops files into a folder instead of answering
	serves func(b body) bool
	write  func(b body, epoch int) (body []byte, mediaType string)
}

func communeOver(n int) func(body) bool {
	return func(b body) bool { return b.Kind == catalog.Commune && b.Population > n }
}

// software is the list. Each speaks another dialect.
var software = []program{
	{name: "acteo", ext: ".csv", recipe: "demo-acteo-deliberations", write: deliberations, serves: func(b body) bool { return b.Kind != catalog.Syndicat }},
	{name: "orme-finances", ext: ".csv", recipe: "demo-orme-subventions", write: subventions, serves: func(b body) bool { return b.Kind == catalog.Departement || communeOver(600)(b) }},
	{name: "orme-budget", ext: ".csv", recipe: "demo-orme-budget", write: budget, serves: func(body) bool { return true }},
	{name: "equipcarte", ext: ".xlsx", recipe: "demo-equipcarte-equipements", write: equipements, serves: communeOver(800)},
	{name: "etatcivil", ext: ".json", recipe: "demo-etatcivil-prenoms", write: nil, serves: communeOver(2000)},
	{name: "marches-ouest", ext: ".json", recipe: "demo-marches-decp", write: decp, serves: func(b body) bool {
		return b.Kind == catalog.EPCI || b.Kind == catalog.Departement || b.Population > 3000
	}},
	{name: "adresses", ext: ".csv", recipe: "demo-adresses-bal", write: bal, serves: communeOver(0)},
	{name: "bornes", ext: ".csv", recipe: "demo-bornes-irve", write: irve, serves: func(b body) bool { return b.Kind == catalog.Syndicat && b.n%2 == 1 || b.Kind == catalog.EPCI }},
	{name: "dechets", ext: ".csv", recipe: "demo-dechets-frequentation", drop: true, write: dechets, serves: func(b body) bool { return b.Kind == catalog.EPCI }},
}

func (p program) path(b body) string { return "/" + p.name + "/" + b.SIREN + p.ext }

// faulty names the bodies, by rank, whose software misbehaves, and how.
const (
	wrongDates  = 3 // subventions: dates that do not exist, broken SIRET
	wrongVotes  = 4 // délibérations: votes that do not add up
	loginPage   = 5 // budget: a login page instead of the file
	halfLost    = 7 // adresses: half of the rows gone at the second harvest
	gone        = 9 // équipements: the address answers 404
	badContract = 1 // marchés: a contract without object
	emptied     = 4 // prénoms: nothing at all at the second harvest
)

// A Town is the emulated software of n bodies. It is an http.Handler, safe for concurrent use.
type Town struct {
	bodies map[string]body
	epoch  atomic.Int64
}

// NewTown prepares the software of n bodies, at its first epoch.
func NewTown(n int) *Town {
	t := &Town{bodies: map[string]body{}}
	for _, b := range bodies(n) {
		t.bodies[b.SIREN] = b
	}
	t.epoch.Store(1)
	return t
}

// Advance moves to the next epoch: some files change, one loses half of its rows, one is emptied.
func (t *Town) Advance() { t.epoch.Add(1) }

// ServeHTTP answers as the software would, with validators, so that what did not change costs nothing.
func (t *Town) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, file, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	b, ok := t.bodies[strings.TrimSuffix(file, filepath.Ext(file))]
	for _, s := range software {
		if s.name != name || !ok || !s.serves(b) {
			continue
		}
		t.answer(w, r, s, b)
		return
	}
	http.NotFound(w, r)
}

func (t *Town) answer(w http.ResponseWriter, r *http.Request, s program, b body) {
	epoch := int(t.epoch.Load())
	switch {
	case s.name == "equipcarte" && b.n == gone:
		http.Error(w, "gone", http.StatusNotFound)
		return
	case s.name == "orme-budget" && b.n == loginPage:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte("<!DOCTYPE html><html lang=\"fr\"><title>Connexion</title><form>Identifiant <input name=u></form></html>"))
		return
	}
	var data []byte
	media := "application/json"
	if s.write == nil {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		data = prenoms(b, epoch, max(page, 1))
	} else {
		data, media = s.write(b, epoch)
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("ETag", `"`+strconv.FormatUint(hash(data), 36)+`"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(data)))
}

func hash(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// Drop writes the files of the software that drops them, into one folder a body. Files that did not change keep their times; each is old
// enough to be taken.
func (t *Town) Drop(folder string) error {
	for _, b := range t.bodies {
		for _, s := range software {
			if !s.drop || !s.serves(b) {
				continue
			}
			data, _ := s.write(b, int(t.epoch.Load()))
			path := filepath.Join(folder, b.SIREN, "fréquentation"+s.ext)
			if old, err := os.ReadFile(path); err == nil && string(old) == string(data) {
				continue
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, data, 0o644); err != nil {
				return err
			}
			past := time.Now().Add(-time.Hour)
			if err := os.Chtimes(path, past, past); err != nil {
				return err
			}
		}
	}
	return nil
}

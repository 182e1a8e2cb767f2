//go:build ignore

// This program makes territoires-2026.tsv.gz from the npm package @etalab/decoupage-administratif 6.0.0 (edition 2026 of the Code officiel
// géographique of INSEE and of the DGCL's list of EPCI, licence MIT):
//
//	npm pack @etalab/decoupage-administratif@6.0.0
//	tar xzf etalab-decoupage-administratif-6.0.0.tgz
//	go run generate.go package/data > territoires-2026.tsv.gz
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

type commune struct {
	Code, Nom, Type, Departement, Region, Siren, ChefLieu, Commune string
	CodesPostaux, AnciensCodes                                     []string
	Population                                                     int
}

type epci struct {
	Code, Nom, Type      string
	PopulationMunicipale int
	Membres              []struct{ Code string }
}

type area struct{ Code, Nom, Region string }

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run generate.go FOLDER")
	}
	zip, _ := gzip.NewWriterLevel(os.Stdout, gzip.BestCompression)
	w := bufio.NewWriter(zip)
	line := func(cells ...any) {
		for i, c := range cells {
			if i > 0 {
				w.WriteByte('\t')
			}
			fmt.Fprint(w, c)
		}
		w.WriteByte('\n')
	}
	for _, r := range read[area]("regions.json") {
		line("R", r.Code, r.Nom)
	}
	for _, d := range read[area]("departements.json") {
		line("D", d.Code, d.Nom, d.Region)
	}
	member := map[string]string{}
	for _, e := range read[epci]("epci.json") {
		line("E", e.Code, e.Nom, e.Type, e.PopulationMunicipale)
		for _, m := range e.Membres {
			member[m.Code] = e.Code
		}
	}
	communes := read[commune]("communes.json")
	names := map[string]string{} // of communes that are part of another
	for _, c := range communes {
		if c.ChefLieu != "" {
			names[c.Code] = c.Nom
		}
	}
	current := map[string]bool{}
	for _, c := range communes {
		kind := map[string]string{"commune-actuelle": "C", "arrondissement-municipal": "A"}[c.Type]
		if kind == "" {
			continue
		}
		current[c.Code] = true
		line(kind, c.Code, c.Nom, c.Departement, c.Region, c.Siren, member[c.Code], c.Population, strings.Join(c.CodesPostaux, " "), c.Commune)
	}
	for _, c := range communes {
		for _, old := range c.AnciensCodes {
			if !current[old] {
				line("F", old, names[old], c.Code)
			}
		}
	}
	if err := w.Flush(); err != nil {
		log.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		log.Fatal(err)
	}
}

// read reads one of the package's lists, by ascending code.
func read[T commune | epci | area](name string) (list []T) {
	b, err := os.ReadFile(filepath.Join(os.Args[1], name))
	if err != nil {
		log.Fatal(err)
	}
	if err := json.Unmarshal(b, &list); err != nil {
		log.Fatal(name, ": ", err)
	}
	code := func(x any) string {
		switch x := x.(type) {
		case commune:
			return x.Code
		case epci:
			return x.Code
		case area:
			return x.Code
		}
		return ""
	}
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(code(a), code(b)) })
	return list
}

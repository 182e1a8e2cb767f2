//go:build ignore

// This program makes noms-2026.tsv.gz from the same package as generate.go: the names of the delegated and associated communes whose code is that of the
// commune they are part of, « Morez » for 39368, Hauts de Bienne. Searches know them; territoires-2026.tsv.gz, which says what a code stands for, cannot.
//
//	go run generate_names.go package/data > noms-2026.tsv.gz
package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: go run generate_names.go FOLDER")
	}
	b, err := os.ReadFile(filepath.Join(os.Args[1], "communes.json"))
	if err != nil {
		log.Fatal(err)
	}
	var all []struct{ Code, Nom, Type, ChefLieu string }
	if err := json.Unmarshal(b, &all); err != nil {
		log.Fatal(err)
	}
	current := map[string]string{}
	for _, c := range all {
		if c.Type == "commune-actuelle" {
			current[c.Code] = c.Nom
		}
	}
	var lines []string
	for _, c := range all {
		if c.ChefLieu == c.Code && current[c.Code] != "" && current[c.Code] != c.Nom {
			lines = append(lines, c.Code+"\t"+c.Nom+"\n")
		}
	}
	slices.Sort(lines)
	zip, _ := gzip.NewWriterLevel(os.Stdout, gzip.BestCompression)
	for _, l := range lines {
		fmt.Fprint(zip, l)
	}
	if err := zip.Close(); err != nil {
		log.Fatal(err)
	}
}

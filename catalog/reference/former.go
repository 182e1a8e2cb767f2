package reference

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
)

//go:embed noms-2026.tsv.gz
var packedNames []byte

// formers lists the names of the communes that became part of another, by the code of that one. Only searches ask for it.
var formers = sync.OnceValue(func() map[string][]string {
	names := map[string][]string{}
	add := func(insee, name string) {
		if name != "" && !slices.Contains(names[insee], name) {
			names[insee] = append(names[insee], name)
		}
	}
	for line := range strings.Lines(load().text) {
		if strings.HasPrefix(line, "F\t") {
			cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
			add(cells[3], cells[2])
		}
	}
	for line := range strings.Lines(unzip(packedNames)) {
		insee, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		add(insee, name)
	}
	return names
})

// unzip unpacks what is part of the program: a fault in it is a fault of who built it.
func unzip(packed []byte) string {
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("reference: " + err.Error())
	}
	b, err := io.ReadAll(zip)
	if err != nil {
		panic("reference: " + err.Error())
	}
	return string(b)
}

// FormerNames lists the names of the communes of the past that became part of a commune of today, in order, without those whose name it still has.
func FormerNames(insee string) []string {
	list := slices.DeleteFunc(slices.Clone(formers()[insee]), func(name string) bool { return name == NameOf([]byte(insee)) })
	slices.Sort(list)
	return list
}

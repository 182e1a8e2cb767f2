// Package dcat writes datasets as DCAT-AP.
//
// A page is a list of nodes, built once in graph.go from one table of properties and then written in a syntax, so that syntaxes cannot
// diverge. What is emitted respects the contract that data.gouv.fr's harvester imposes: absolute IRIs, one blank temporal node, one
// identifier that is the dataset's IRI, no checksum in catalogues, deterministic bytes.
package dcat

import (
	"bufio"
	"io"
	"time"

	"grenier/catalog"
)

// A Catalogue describes one page of one catalogue.
type Catalogue struct {
	Base        string // public address, without a slash at the end
	Path        string // "/catalogues/213900137" or "/catalogue": page 1 is Path+".ttl", page n Path+"/n.ttl"
	IRI         string // path of the catalogue's identity: "/id/catalogue/213900137"
	Title       string
	Description string
	Publisher   catalog.Member // of the catalogue: the member, or the operator
	Homepage    string         // absolute
	Modified    time.Time      // newest change of its datasets; zero when there is none
	Page, Pages int            // from 1
	Total       int            // datasets in all pages
	Formats     map[string]Format
}

// A Format says what a catalog.File's format is in the vocabularies.
type Format struct {
	MediaType string // "text/csv"
	FileType  string // code of the EU file-type list, "" when it has none
	Title     string // French
}

// Turtle writes one page: the catalogue node and the given datasets, complete. It writes nothing but bytes that depend on its
// arguments. A withdrawn dataset is an error of the caller.
func Turtle(w io.Writer, c Catalogue, ds []catalog.Dataset) error {
	return writeTurtle(w, page(c, ds))
}

// DatasetTurtle writes the document of one dataset, with the checksums of its files: it is not harvested.
func DatasetTurtle(w io.Writer, c Catalogue, d catalog.Dataset) error {
	return writeTurtle(w, document(c, d))
}

func writeTurtle(w io.Writer, nodes []node) error {
	b := bufio.NewWriterSize(w, 64<<10)
	t := turtle{b}
	t.prefixes()
	for i := range nodes {
		t.subject(&nodes[i])
	}
	return b.Flush()
}

// Package dcat writes datasets as DCAT-AP.
//
// One table of properties (property.go) feeds every syntax, so that they cannot diverge. What is emitted respects the contract
// that data.gouv.fr's harvester imposes: absolute IRIs, one blank temporal node, no checksum in catalogues, deterministic bytes.
package dcat

import (
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
type Format struct{ MediaType, FileType, Title string }

// Turtle writes one page: the catalogue node and the given datasets, complete. It writes nothing but bytes that depend on its
// arguments. Datasets that are withdrawn are an error of the caller.
func Turtle(w io.Writer, c Catalogue, ds []catalog.Dataset) error { panic("not written yet") }

// DatasetTurtle writes the document of one dataset, with the checksums of its files.
func DatasetTurtle(w io.Writer, c Catalogue, d catalog.Dataset) error { panic("not written yet") }

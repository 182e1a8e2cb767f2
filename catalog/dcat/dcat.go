// Package dcat writes datasets as DCAT-AP, in Turtle, RDF/XML, JSON-LD and N-Triples.
//
// A document is a list of nodes, built once in graph.go and catalogue.go from one table of properties (terms.go) and then written in a syntax, so that
// syntaxes cannot diverge. What is emitted respects the contract that data.gouv.fr's harvester imposes: absolute IRIs, one blank temporal node, one
// identifier that is the dataset's IRI, no checksum in catalogues, deterministic bytes.
package dcat

import (
	"io"
	"iter"
	"slices"

	"grenier/catalog"
)

// A Site is what the descriptions of one portal have in common.
type Site struct {
	Base     string // public address, without a slash at the end
	Formats  map[string]Format
	Outlines *Outlines // of members' territories; nil: boxes do
}

// A Format says what a catalog.File's format is in the vocabularies.
type Format struct {
	MediaType string // "text/csv"
	FileType  string // code of the EU file-type list, "" when it has none
	Title     string // French
}

// WritePage writes one page of a catalogue: the catalogue node and the given datasets, complete. It writes nothing but bytes that depend on its
// arguments.
func (s *Site) WritePage(w io.Writer, x Syntax, c Catalogue, ds []Description) error {
	return x.write(w, s.Base, s.page(c, x, ds))
}

// WriteAll writes a whole catalogue as one document, without paging, while it reads the datasets.
func (s *Site) WriteAll(w io.Writer, x Syntax, c Catalogue, ds iter.Seq2[Description, error]) error {
	return x.write(w, s.Base, s.all(c, ds))
}

// WriteDataset writes the document of one dataset, with the checksums of its files: it is not harvested.
func (s *Site) WriteDataset(w io.Writer, x Syntax, d catalog.Dataset) error {
	b := &builder{site: s}
	b.dataset(&d, true)
	return x.write(w, s.Base, nodes(b.nodes))
}

func nodes(list []node) iter.Seq2[*node, error] {
	return func(yield func(*node, error) bool) {
		for i := range list {
			if !yield(&list[i], nil) {
				return
			}
		}
	}
}

// described yields the nodes of descriptions, and adds to each dataset the series that it is part of.
func described(ds iter.Seq2[Description, error], series []Series, also func(Description) []node) iter.Seq2[*node, error] {
	return func(yield func(*node, error) bool) {
		room := &room{}
		for d, err := range ds {
			if err != nil {
				yield(nil, err)
				return
			}
			going, first := true, true
			err := d.each(room, func(n *node) bool {
				if first && slices.ContainsFunc(series, func(s Series) bool { return s.Schema == d.Schema }) {
					n.link(inSeries, seriesRef(d.Schema))
				}
				first = false
				going = yield(n, nil)
				return going
			})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, n := range also(d) {
				if going {
					going = yield(&n, nil)
				}
			}
			if !going {
				return
			}
		}
	}
}

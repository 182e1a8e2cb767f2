package web

import (
	"net/http"

	"grenier/catalog/dcat"
)

// machines is what programs are told of the site: it is worked out once.
type machines struct {
	openAPI []byte       // as served
	doc     *apiDocument // as the page /api shows it
	mapSize int          // addresses of one site map
	mcp     http.Handler // of assistants
	pace    *pace        // that they keep
}

func (s *Server) newMachines() (*machines, error) {
	m := machines{mapSize: sitemapEntries, pace: newPace(mcpPerMinute, mcpBurst, s.Now)}
	var err error
	if m.openAPI, m.doc, err = s.loadOpenAPI(); err != nil {
		return nil, err
	}
	m.mcp, err = s.newMCP()
	return &m, err
}

// rdfAlternates are the descriptions of a thing in RDF, in each syntax, at an address without its extension.
func rdfAlternates(path, title string, others ...alternate) []alternate {
	var all []alternate
	for _, x := range []struct{ ext, name string }{{"ttl", "Turtle"}, {"rdf", "RDF/XML"}, {"jsonld", "JSON-LD"}} {
		if syntax, ok := dcat.SyntaxOf(x.ext); ok {
			all = append(all, alternate{syntax.MediaType(), path + "." + x.ext, title + " (" + x.name + ")"})
		}
	}
	return append(all, others...)
}

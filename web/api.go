package web

import (
	"fmt"
	"net/http"

	"grenier/catalog"
)

// maxPageSize is the most that a list gives at once.
const maxPageSize = 100

// apiDatasets is the search as JSON; an index that does not answer is 503.
func (s *Server) apiDatasets(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	q, err := readQuestion(v)
	if err != nil {
		return err
	}
	if q.Size, err = readBetween(v, "page_size", 20, maxPageSize); err != nil {
		return err
	}
	found, result, err := s.find(r.Context(), q)
	if err != nil {
		return err
	}
	out := listJSON[datasetJSON]{Data: []datasetJSON{}, Total: result.Total, Page: q.Page, PageSize: q.Size, Facets: map[string][]catalog.Facet{}}
	for _, d := range found {
		out.Data = append(out.Data, s.datasetJSON(d, false))
	}
	for _, f := range facetTitles {
		out.Facets[f.Name] = []catalog.Facet{}
		for _, v := range result.Facets[f.Name] {
			v.Label = s.facetLabel(f.Name, v)
			out.Facets[f.Name] = append(out.Facets[f.Name], v)
		}
	}
	return sendJSON(w, r, out)
}

func (s *Server) apiDataset(w http.ResponseWriter, r *http.Request) error {
	d, err := s.byID(r)
	if err != nil {
		return err
	}
	return sendJSON(w, r, s.datasetJSON(d, true))
}

func (s *Server) apiMembers(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	size, err := readBetween(v, "page_size", 20, maxPageSize)
	if err != nil {
		return err
	}
	q, page, err := readMembers(v, size)
	if err != nil {
		return err
	}
	found, total, err := s.Store.Members(r.Context(), q)
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	out := listJSON[memberJSON]{Data: []memberJSON{}, Total: total, Page: page, PageSize: size}
	for _, m := range found {
		out.Data = append(out.Data, s.memberJSON(m))
	}
	return sendJSON(w, r, out)
}

func (s *Server) apiSchemas(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	size, err := readBetween(v, "page_size", 20, maxPageSize)
	if err != nil {
		return err
	}
	page, err := readPage(v)
	if err != nil {
		return err
	}
	all := s.schemaEntries(r.Context())
	from := min((page-1)*size, len(all))
	out := listJSON[schemaJSON]{Data: []schemaJSON{}, Total: len(all), Page: page, PageSize: size}
	for _, e := range all[from:min(from+size, len(all))] {
		out.Data = append(out.Data, s.schemaJSON(e))
	}
	return sendJSON(w, r, out)
}

func (s *Server) schemaJSON(e schemaEntry) schemaJSON {
	out := schemaJSON{Name: e.ID.Name(), Version: e.ID.Version(), Versions: []string{}, Title: e.Title, Description: e.Description,
		Form: string(e.Form), URL: e.URL, Datasets: e.Datasets, Page: s.BaseURL + e.Path}
	for _, id := range s.Schemas.Versions(e.ID.Name()) {
		out.Versions = append(out.Versions, id.Version())
	}
	return out
}

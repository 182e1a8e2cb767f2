package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"grenier/catalog"
)

// A seriesRow is one series of the département in a list: what it is, how much is in it, and its files.
type seriesRow struct {
	catalog.Dataset
	Subject string // what it is about: the title of its schema
	Members int
	Files   []catalog.File // whole ones, without the parts of very large series
}

// A seriesListPage is the body of serieslist.html.
type seriesListPage struct {
	Operator string
	Series   []seriesRow
	Rows     int64
}

func (s *Server) seriesList(w http.ResponseWriter, r *http.Request) error {
	rows, err := s.seriesRows(r.Context())
	if err != nil {
		return err
	}
	p := seriesListPage{Operator: s.Site.Operator, Series: rows}
	for _, one := range rows {
		p.Rows += one.Rows
	}
	return s.render(w, r, "serieslist.html", head{Title: "Tout le département en un fichier", Here: "Séries", Path: "/series", Nav: "/series",
		Description: "Un fichier par sujet, fait des lignes conformes de toutes les collectivités."}, p)
}

// seriesRows lists the series of the département, by subject.
func (s *Server) seriesRows(ctx context.Context) ([]seriesRow, error) {
	if s.Site.SIREN == "" {
		return nil, nil
	}
	all, _, err := s.Store.Datasets(ctx, catalog.DatasetQuery{Member: s.Site.SIREN})
	if err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	var rows []seriesRow
	for _, d := range all {
		if !d.IsSeries() {
			continue
		}
		row := seriesRow{Dataset: d, Subject: s.schemaLabel(d.SchemaName, d.Title)}
		if row.Members, err = s.seriesMembers(ctx, d); err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for _, f := range d.Files {
			if !seen[f.Format] {
				row.Files, seen[f.Format] = append(row.Files, f), true
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b seriesRow) int { return cmp.Compare(catalog.Fold(a.Subject), catalog.Fold(b.Subject)) })
	return rows, nil
}

// seriesMembers is how many members have rows in a series. It is read once for a version: its report is long.
func (s *Server) seriesMembers(ctx context.Context, d catalog.Dataset) (int, error) {
	name := d.ID.String() + " " + strconv.Itoa(d.Version)
	if n, ok := s.seriesSizes.take(name); ok {
		return n, nil
	}
	c, err := s.compositionOf(ctx, d)
	if c == nil || err != nil {
		return 0, err
	}
	n := members(c)
	s.seriesSizes.put(name, n, 128)
	return n, nil
}

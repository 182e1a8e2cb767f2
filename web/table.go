package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"
)

// tallyTime is how long counting and summing the rows of a page may take; without their answer the page only says less.
const tallyTime = 2 * time.Second

// A rowsTable is what rows.html shows: rows of a dataset, for people.
type rowsTable struct {
	Label   string // of the region that scrolls
	Class   string
	Caption string
	Columns []tableColumn
	Rows    []tableRow
	Cut     bool // a text is not shown whole
}

// A tableColumn heads a column. Without Sort it cannot be sorted by.
type tableColumn struct {
	column
	Order  string // aria-sort
	Sort   string // address of the rows in its order
	Filter string // address of the page with its filter
}

type tableRow struct {
	Number string // its place in the file, "" where that says nothing
	Cells  []cell
}

// plain heads columns that do nothing.
func plainColumns(all []column) []tableColumn {
	out := make([]tableColumn, len(all))
	for i, c := range all {
		out[i].column = c
	}
	return out
}

// names are the columns' names, as a question asks for them.
func names(all []column) []string {
	out := make([]string, len(all))
	for i, c := range all {
		out[i] = c.Name
	}
	return out
}

// A reader asks a table; it holds one of the places that package web has for questions.
type reader struct {
	*publish.Table
	close []func()
}

func (r *reader) done() {
	for _, f := range r.close {
		f()
	}
}

// read opens the Parquet file of a dataset and waits for a place among those who ask. The caller calls done.
func (s *Server) read(ctx context.Context, f catalog.File) (*reader, error) {
	leave, ok := s.reading.pages.enter(ctx, s.reading.patience/2)
	if !ok {
		return nil, errBusyRows
	}
	table, closer, err := s.openTable(ctx, f)
	if err != nil {
		leave()
		return nil, err
	}
	return &reader{table, []func(){func() { _ = closer.Close() }, leave}}, nil
}

// readFor is read for the whole of an answer, whose reader waits so long and no longer: what is asked of the rows is asked with ctx, and done ends all of it.
func (s *Server) readFor(r *http.Request, f catalog.File) (ctx context.Context, table *reader, done func(), err error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.reading.patience)
	if table, err = s.read(ctx, f); err != nil {
		defer cancel()
		return nil, nil, nil, slow(ctx, r, err)
	}
	return ctx, table, func() { table.done(); cancel() }, nil
}

// rows answers a question with cells to show; numbered adds each row's place in the file.
func (r *reader) rows(ctx context.Context, q publish.RowQuery, most int, numbered bool) (columns []column, rows []tableRow, page publish.RowPage, err error) {
	plan, err := r.Query(q)
	if err != nil {
		return nil, nil, page, asked(err)
	}
	columns = columnsOf(plan.Schema())
	page, err = plan.Run(ctx, func(b *schemas.Batch) error {
		for i := range b.Rows {
			row := tableRow{Cells: make([]cell, len(columns))}
			if numbered {
				row.Number = number(b.Row[i])
			}
			for c := range columns {
				if b.Columns[c].Valid[i] {
					row.Cells[c] = columns[c].show(string(b.TextAt(c, i)), most)
				} else {
					row.Cells[c].None = true
				}
			}
			rows = append(rows, row)
		}
		return nil
	})
	return columns, rows, page, err
}

// texts answers a question with the values as files have them; "" where there is none.
func (r *reader) texts(ctx context.Context, q publish.RowQuery) (rows [][]string, err error) {
	plan, err := r.Query(q)
	if err != nil {
		return nil, asked(err)
	}
	_, err = plan.Run(ctx, func(b *schemas.Batch) error {
		for i := range b.Rows {
			row := make([]string, len(b.Columns))
			for c := range row {
				if b.Columns[c].Valid[i] {
					row[c] = string(b.TextAt(c, i))
				}
			}
			rows = append(rows, row)
		}
		return nil
	})
	return rows, err
}

// A total is a number of all rows that a question keeps.
type total struct{ Title, Value string }

// maxTotals is how many columns of euros are summed.
const maxTotals = 3

// tally counts the rows that pass, and sums their columns of euros; -1 when that takes too long.
func (r *reader) tally(ctx context.Context, where []publish.Filter) (rows int64, totals []total) {
	ctx, cancel := context.WithTimeout(ctx, tallyTime)
	defer cancel()
	q := publish.RowQuery{Where: where, Aggregates: []publish.Aggregate{{Func: publish.Count}}}
	var summed []column
	for _, c := range columnsOf(r.Schema()) {
		if c.look == lookEuros && len(summed) < maxTotals {
			summed = append(summed, c)
			q.Aggregates = append(q.Aggregates, publish.Aggregate{Column: c.Name, Func: publish.Sum})
		}
	}
	out, err := r.texts(ctx, q)
	if err != nil || len(out) != 1 || len(out[0]) != 1+len(summed) {
		return -1, nil
	}
	for i, c := range summed {
		if sum := out[0][1+i]; sum != "" {
			totals = append(totals, total{c.Title, wholeEuros(sum)})
		}
	}
	return integerIn(out[0][0]), totals
}

// parquetIn finds the Parquet file that holds all rows of a dataset.
func parquetIn(d *catalog.Dataset) (f catalog.File, ok bool) {
	for _, f := range d.Files {
		if f.Format == "parquet" {
			return f, true
		}
	}
	return f, false
}

var errNoRows = &httpError{status: http.StatusNotFound, code: "no_rows",
	message: "Ce jeu de données n’a pas de fichier Parquet : ses lignes ne peuvent pas être interrogées. Téléchargez l’un de ses fichiers."}

// isQuestion tells whether an error is the reader's to mend, and gives its sentence.
func isQuestion(err error) (string, bool) {
	var e *httpError
	if errors.As(err, &e) && (e.status == http.StatusBadRequest || e.status == http.StatusConflict) {
		return french(e.message), true
	}
	return "", false
}

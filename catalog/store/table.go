package store

import (
	"context"
	"database/sql"
	"reflect"
	"strings"

	"github.com/google/uuid"
)

// A table writes and reads whole rows by constant statements, which the writer prepares once: bun's text would be parsed at
// each publication. The columns are those that bun knows, from the same tags.
type table struct {
	fields  []int // of the row's struct
	insert  string
	upsert  string // on its key
	columns string // SELECT … FROM …
}

// tableOf describes the table of a row type; its key is one column or several.
func tableOf[Row any](key ...string) table {
	var t table
	var name string
	var columns, marks, sets []string
	row := reflect.TypeFor[Row]()
	for i := range row.NumField() {
		column, options, _ := strings.Cut(row.Field(i).Tag.Get("bun"), ",")
		if n, ok := strings.CutPrefix(column, "table:"); ok {
			name = n
			continue
		}
		if strings.HasPrefix(column, "rel:") || options == "scanonly" {
			continue
		}
		t.fields = append(t.fields, i)
		columns, marks = append(columns, column), append(marks, "?")
		if options != "pk" {
			sets = append(sets, column+" = excluded."+column)
		}
	}
	list := strings.Join(columns, ", ")
	t.insert = "INSERT INTO " + name + " (" + list + ") VALUES (" + strings.Join(marks, ", ") + ")"
	t.upsert = t.insert + " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + strings.Join(sets, ", ")
	t.columns = "SELECT " + list + " FROM " + name
	return t
}

var (
	membersTable  = tableOf[memberRow]("siren")
	datasetsTable = tableOf[datasetRow]("id")
	versionsTable = tableOf[versionRow]("dataset", "number")
	filesTable    = tableOf[fileRow]("id", "version")

	memberBySIREN  = membersTable.columns + " WHERE siren = ?"
	datasetByID    = datasetsTable.columns + " WHERE id = ?"
	filesOfVersion = filesTable.columns + " WHERE dataset = ? AND version = ? ORDER BY position"
)

// args are the values of a row, given by its address.
func (t table) args(row any) []any {
	v := reflect.ValueOf(row).Elem()
	args := make([]any, len(t.fields))
	for i, f := range t.fields {
		args[i] = v.Field(f).Interface()
		if id, ok := args[i].(uuid.UUID); ok {
			args[i] = id.String()
		}
	}
	return args
}

// into are the places of a row's columns, given its address.
func (t table) into(row any) []any {
	v := reflect.ValueOf(row).Elem()
	places := make([]any, len(t.fields))
	for i, f := range t.fields {
		places[i] = v.Field(f).Addr().Interface()
	}
	return places
}

// rows runs a constant query and calls scan for each row.
func (t *tx) rows(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) (err error) {
	var rows *sql.Rows
	if st := t.prepared(ctx, query); st != nil {
		rows, err = st.QueryContext(ctx, args...)
	} else {
		rows, err = t.sql.QueryContext(ctx, t.bind(query), args...)
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

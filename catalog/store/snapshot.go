package store

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"grenier/catalog"

	"github.com/google/uuid"
	"github.com/uptrace/bun"
)

// A saved table is one that snapshots hold, whole or in part.
type saved struct {
	name  string
	where string // "" is all rows
	order string
}

// savedTables are in the order in which their rows may be put back. Runs and reports are those that something still names; what may be worked out
// anew (cursors, schedules of the job queue) is left out.
var savedTables = []saved{
	{"settings", "", "name"},
	{"counters", "", "name"},
	{"members", "", "siren"},
	{"logos", "", "name"},
	{"recipes", "", "name"},
	{"sources", "", "id"},
	{"runs", `status <> 'running' AND (id IN (SELECT run FROM versions) OR id IN (SELECT published_run FROM sources) OR id IN (SELECT last_run FROM sources)
		OR id IN (SELECT run FROM decisions) OR status = 'held')`, "started, id"},
	{"reports", `run IN (SELECT v.run FROM versions AS v JOIN datasets AS d ON d.id = v.dataset AND d.version = v.number)
		OR run IN (SELECT last_run FROM sources)`, "run"},
	{"datasets", "", "created"},
	{"slugs", "", "slug"},
	{"versions", "", "dataset, number"},
	{"files", "", "id, version"},
	{"decisions", "", "time, id"},
	{"events", "", "seq"},
	{"tombstones", "", "dataset"},
	{"withdrawn_files", "", "id"},
	{"doomed_blobs", "", "key"},
	{"feeds", "", "path"},
	{"audit", "", "seq"},
}

// snapshotFormat changes when an older program could not read what is written.
const snapshotFormat = 1

// A snapshotLine is one line of a snapshot: its head, one row, or its end.
type snapshotLine struct {
	Format int                        `json:"grenier_snapshot,omitempty"` // in the head
	Schema int64                      `json:"schema,omitempty"`           // in the head: of the database
	Table  string                     `json:"t,omitempty"`
	Row    map[string]json.RawMessage `json:"r,omitempty"`
	Rows   *int64                     `json:"end,omitempty"` // in the last line: how many rows there are
}

// A blobValue is how bytes are written in a row.
type blobValue struct {
	Bytes []byte `json:"b"`
}

// Revision grows whenever something changes that a snapshot must hold, but for the times of runs that found nothing new.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	var revision int64
	err := s.read.NewRaw(`SELECT CAST(COALESCE(sum(value), 0) AS BIGINT) FROM counters WHERE name <> 'syncs'`).Scan(ctx, &revision)
	return revision, found(err, "revision")
}

// Export writes the whole catalogue, as of one moment, as lines of JSON.
func (s *Store) Export(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	err := s.snapshot(ctx, func(db bun.IDB) error { return export(ctx, db, out) })
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("export catalogue: %w", err)
	}
	return nil
}

func export(ctx context.Context, db bun.IDB, w io.Writer) error {
	head := snapshotLine{Format: snapshotFormat}
	if err := db.NewRaw(`SELECT max(version_id) FROM `+migrationsTable).Scan(ctx, &head.Schema); err != nil {
		return found(err, "schema version")
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(head); err != nil {
		return err
	}
	var total int64
	for _, t := range savedTables {
		n, err := exportTable(ctx, db, t, w)
		if err != nil {
			return fmt.Errorf("table %s: %w", t.name, err)
		}
		total += n
	}
	return e.Encode(snapshotLine{Rows: &total})
}

func exportTable(ctx context.Context, db bun.IDB, t saved, w io.Writer) (n int64, err error) {
	query := "SELECT * FROM " + t.name
	if t.where != "" {
		query += " WHERE " + t.where
	}
	rows, err := db.QueryContext(ctx, query+" ORDER BY "+t.order)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	values, places := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	heads := make([]string, len(columns)) // what comes before each value
	for i, c := range columns {
		heads[i] = `,"` + c.Name() + `":`
	}
	heads[0] = `{"t":"` + t.name + `","r":{` + heads[0][1:]
	var line []byte
	for ; rows.Next(); n++ {
		if err := rows.Scan(places...); err != nil {
			return n, err
		}
		line = line[:0]
		for i, c := range columns {
			if line, err = appendValue(append(line, heads[i]...), values[i], c); err != nil {
				return n, err
			}
		}
		if _, err := w.Write(append(line, "}}\n"...)); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// appendValue writes a value the same way whatever the engine: SQLite has no booleans of its own.
func appendValue(line []byte, v any, column *sql.ColumnType) ([]byte, error) {
	switch x := v.(type) {
	case int64:
		if strings.HasPrefix(strings.ToUpper(column.DatabaseTypeName()), "BOOL") {
			return strconv.AppendBool(line, x != 0), nil
		}
		return strconv.AppendInt(line, x, 10), nil
	case string:
		if !strings.ContainsFunc(x, needsEscape) {
			return append(append(append(line, '"'), x...), '"'), nil
		}
	case []byte:
		v = blobValue{x}
	}
	text, err := json.Marshal(v)
	return append(line, text...), err
}

// needsEscape tells a character that cannot stand in JSON as it is, or that may be there for bytes that are no character.
func needsEscape(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError }

// ErrNotEmpty is returned by Import for a catalogue that holds something.
var ErrNotEmpty = errors.New("le catalogue n’est pas vide")

// ErrCutSnapshot is returned by Import for a snapshot that does not read to its end.
var ErrCutSnapshot = errors.New("l’instantané est incomplet ou abîmé")

// Import fills an empty catalogue with what Export wrote, all or nothing. Its namespace becomes that of the snapshot.
func (s *Store) Import(ctx context.Context, r io.Reader) error {
	if err := s.importAll(ctx, r); err != nil {
		return fmt.Errorf("import catalogue: %w", err)
	}
	return s.loadNamespace(ctx)
}

func (s *Store) importAll(ctx context.Context, r io.Reader) error {
	if err := s.version(ctx); err != nil {
		return err
	}
	var known int64
	if err := s.read.NewRaw(`SELECT max(version_id) FROM `+migrationsTable).Scan(ctx, &known); err != nil {
		return found(err, "schema version")
	}
	return s.writes.do(ctx, durable, func(ctx context.Context, t *tx) error {
		for _, table := range savedTables {
			if table.name == "settings" || table.name == "counters" {
				continue
			}
			var n int64
			if err := t.row(ctx, `SELECT count(*) FROM `+table.name).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return fmt.Errorf("%w (%s)", ErrNotEmpty, table.name)
			}
		}
		for _, query := range []string{`DELETE FROM settings`, `DELETE FROM counters`} {
			if _, err := t.exec(ctx, query); err != nil {
				return err
			}
		}
		return t.importLines(ctx, json.NewDecoder(r), known)
	})
}

func (t *tx) importLines(ctx context.Context, d *json.Decoder, known int64) error {
	var head snapshotLine
	if err := d.Decode(&head); err != nil || head.Format == 0 {
		return errors.Join(ErrCutSnapshot, err)
	}
	if head.Format > snapshotFormat || head.Schema > known {
		return fmt.Errorf("%w (instantané du schéma %d, ce programme connaît le %d) ; mettez Grenier à jour", ErrNewer, head.Schema, known)
	}
	inserts := map[string]string{}
	for n := int64(0); ; n++ {
		var line snapshotLine
		if err := d.Decode(&line); err != nil {
			return errors.Join(ErrCutSnapshot, err)
		}
		if line.Rows != nil {
			if *line.Rows != n {
				return fmt.Errorf("%w : %d lignes au lieu de %d", ErrCutSnapshot, n, *line.Rows)
			}
			return nil
		}
		if err := t.importRow(ctx, line, inserts); err != nil {
			return fmt.Errorf("table %s: %w", line.Table, err)
		}
	}
}

// importRow inserts one row. Names of tables and columns come from a file: only known ones get into the statement.
func (t *tx) importRow(ctx context.Context, line snapshotLine, inserts map[string]string) error {
	if !slices.ContainsFunc(savedTables, func(s saved) bool { return s.name == line.Table }) {
		return fmt.Errorf("%w : table inconnue", ErrCutSnapshot)
	}
	columns := make([]string, 0, len(line.Row))
	for c := range line.Row {
		if c == "" || strings.ContainsFunc(c, func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }) {
			return fmt.Errorf("%w : colonne inconnue", ErrCutSnapshot)
		}
		columns = append(columns, c)
	}
	slices.Sort(columns)
	args := make([]any, len(columns))
	for i, c := range columns {
		var err error
		if args[i], err = savedValue(line.Row[c]); err != nil {
			return err
		}
	}
	key := line.Table + " " + strings.Join(columns, ",")
	if inserts[key] == "" {
		inserts[key] = "INSERT INTO " + line.Table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Repeat("?, ", len(columns)-1) + "?)"
	}
	_, err := t.exec(ctx, inserts[key], args...)
	return err
}

// savedValue is a value as the drivers take it: no number here is a fraction.
func savedValue(raw json.RawMessage) (any, error) {
	var err error
	switch raw[0] {
	case '"':
		var s string
		err = json.Unmarshal(raw, &s)
		return s, err
	case 't', 'f':
		return raw[0] == 't', nil
	case 'n':
		return nil, nil
	case '{':
		var b blobValue
		err = json.Unmarshal(raw, &b)
		return b.Bytes, err
	}
	var n int64
	err = json.Unmarshal(raw, &n)
	return n, err
}

// Uses says what the catalogue keeps under a blob key: nothing when it names it no more.
func (s *Store) Uses(ctx context.Context, key string) ([]catalog.BlobUse, error) {
	var uses []catalog.BlobUse
	err := s.snapshot(ctx, func(db bun.IDB) error {
		var files []fileRow
		if err := db.NewSelect().Model(&files).Where("f.key = ?", key).Order("f.dataset", "f.version").Scan(ctx); err != nil {
			return err
		}
		for _, f := range files {
			uses = append(uses, catalog.BlobUse{Key: key, Kind: "file", Dataset: f.Dataset, Version: f.Version, Format: f.Format, Name: f.Name})
		}
		var versions []versionRow
		if err := db.NewSelect().Model(&versions).Where("v.origins LIKE ?", "%"+quoted(key)+"%").Scan(ctx); err != nil {
			return err
		}
		for _, v := range versions {
			uses = append(uses, catalog.BlobUse{Key: key, Kind: "origins", Dataset: v.Dataset, Version: v.Number})
		}
		runs, err := runsNaming(ctx, db, key)
		uses = append(uses, runs...)
		if err != nil {
			return err
		}
		return nameUses(ctx, db, uses)
	})
	return uses, found(err, "uses of "+key)
}

// quoted is a key as it stands in JSON: keys hold nothing that needs an escape.
func quoted(key string) string { return `"` + key + `"` }

// runsNaming are the uses of a key by runs, as delivered bytes or as quarantine.
func runsNaming(ctx context.Context, db bun.IDB, key string) (uses []catalog.BlobUse, err error) {
	var rows []runRow
	hash, raw := strings.CutPrefix(key, "raw/")
	column, text := "quarantine", quoted(key)
	if raw {
		_, hash, _ = strings.Cut(hash, "/")
		column, text = "documents", quoted(hash)
	}
	if err := db.NewSelect().Model(&rows).Where("r."+column+" LIKE ?", "%"+text+"%").Order("r.started").Scan(ctx); err != nil {
		return nil, err
	}
	for _, r := range rows {
		run, err := r.run()
		if err != nil {
			return nil, err
		}
		use := catalog.BlobUse{Key: key, Kind: column, Dataset: run.Dataset, Source: run.Source, Version: run.Version}
		if !raw {
			use.Name = run.Quarantine.Name
		}
		for _, d := range run.Documents {
			if raw && d.SHA256 == hash {
				use.Kind, use.Name = "raw", d.Name
			}
		}
		uses = append(uses, use)
	}
	return uses, nil
}

// nameUses adds what people know datasets by.
func nameUses(ctx context.Context, db bun.IDB, uses []catalog.BlobUse) error {
	for i := range uses {
		u := &uses[i]
		if u.Dataset == uuid.Nil {
			siren, _, _ := strings.Cut(u.Source, "/")
			var m memberRow
			err := db.NewSelect().Model(&m).Where("m.siren = ?", siren).Scan(ctx)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			u.Member = catalog.Member{SIREN: siren, Name: m.Name}
			continue
		}
		rows, err := datasetRows(ctx, db, among([]string{u.Dataset.String()}))
		if err != nil {
			return err
		}
		for _, r := range rows {
			d, err := r.dataset()
			if err != nil {
				return err
			}
			u.Slug, u.Member, u.Source, u.Newest = d.Slug, d.Member, d.Source, u.Version == d.Version
		}
	}
	return nil
}

package catalogtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"grenier/catalog"

	"github.com/google/uuid"
)

// Fill makes of an empty store one with n datasets of four files or a few more, as many for each of the members: what a portal of some size holds. seed is another
// empty store, in which one dataset of each member is published in the ordinary way; the others are made of it, row by row, in an export.
func Fill(t testing.TB, s, seed catalog.Store, members, n int) {
	t.Helper()
	sow(t, seed, members)
	r, w := io.Pipe()
	go func() {
		err := seed.Export(t.Context(), w)
		w.CloseWithError(err)
	}()
	out, in := io.Pipe()
	go func() { in.CloseWithError(multiply(r, in, n, members)) }()
	if err := s.Import(t.Context(), out); err != nil {
		t.Fatal(err)
	}
}

func sow(t testing.TB, seed catalog.Store, members int) {
	t.Helper()
	ctx, at := t.Context(), time.Date(2026, 11, 23, 4, 10, 0, 0, time.UTC)
	m := catalog.Manifest{Recipes: []catalog.Recipe{{Name: "r", Text: "name: r\n"}}}
	for i := range members {
		siren := fmt.Sprintf("2%08d", i)
		lon := float64(i%20) / 10
		m.Members = append(m.Members, catalog.Member{SIREN: siren, Name: fmt.Sprintf("Commune numéro %d", i), Kind: catalog.Commune, INSEE: fmt.Sprintf("99%03d", i%1000), Population: 1000 + i,
			Email: fmt.Sprintf("donnees@commune-%d.example.org", i), BBox: &catalog.BBox{West: 5 + lon, South: 46, East: 5.1 + lon, North: 46.1}})
		m.Sources = append(m.Sources, catalog.Source{ID: siren + "/deliberations", Member: siren, Recipe: "r", Key: "scdl/deliberations"})
	}
	if _, err := seed.Apply(ctx, m, catalog.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, owner := range m.Members {
		d := sown(owner, at)
		run := catalog.Run{ID: fmt.Sprintf("run-%d", i), Source: d.Source, Member: owner.SIREN, Attempt: 1, Started: at, Ended: at.Add(time.Duration(i) * time.Minute), Lease: at.Add(time.Hour), Accepted: 412, Rows: 412}
		if err := seed.Start(ctx, run); err != nil {
			t.Fatal(err)
		}
		if _, err := seed.Publish(ctx, d, run); err != nil {
			t.Fatal(err)
		}
	}
}

// sown is a dataset as a member of ordinary size has it.
func sown(owner catalog.Member, at time.Time) catalog.Dataset {
	d := catalog.Dataset{ID: catalog.DatasetID(uuid.UUID{1}, owner.SIREN, "scdl/deliberations"), Key: "scdl/deliberations", Member: owner, Source: owner.SIREN + "/deliberations",
		Title: "Délibérations de " + owner.Name, Description: "Chaque ligne est une délibération du conseil : son objet, sa date, son résultat, la matière à laquelle elle se rattache et l’adresse de l’acte. Les annexes ne sont pas publiées.",
		SchemaName: "scdl/deliberations", SchemaVersion: "2.1.5", SchemaURL: "https://schema.data.gouv.fr/schemas/scdl/deliberations/2.1.5/schema.json",
		Keywords: []string{"délibérations", "conseil municipal", "vie publique"}, Themes: []string{"GOVE"}, License: "lov2", Frequency: "DAILY", TemporalFrom: "2019-01-08", TemporalTo: "2026-11-20", Rows: 412}
	for _, name := range []string{"COLL_NOM", "COLL_SIRET", "DELIB_ID", "DELIB_DATE", "DELIB_MATIERE_CODE", "DELIB_MATIERE_NOM", "DELIB_OBJET", "BUDGET_ANNEE", "BUDGET_NOM", "PREF_ID", "PREF_DATE", "VOTE_EFFECTIF", "VOTE_REEL", "VOTE_POUR", "VOTE_CONTRE", "VOTE_ABSTENTION", "DELIB_URL"} {
		d.Fields = append(d.Fields, catalog.FieldInfo{Name: name, Title: "Colonne " + name, Type: "string", Description: "Ce que dit la colonne " + name + " de l’acte."})
	}
	for _, format := range []string{"csv", "parquet", "xlsx", "geojson"} {
		d.Files = append(d.Files, catalog.File{ID: catalog.FileID(d.ID, format), Format: format, Name: "deliberations." + format, Title: "Délibérations (" + format + ")", Key: "pub/" + owner.SIREN + format,
			Bytes: 48211, Rows: 412, SHA256: fmt.Sprintf("%064s", owner.SIREN+format), Modified: at})
	}
	return d
}

// An exportLine is one line of Store.Export.
type exportLine struct {
	Table string         `json:"t,omitempty"`
	Row   map[string]any `json:"r,omitempty"`
	End   *int64         `json:"end,omitempty"`
}

// multiply copies an export with n datasets in the place of the from that it has, or as many more as give each the same number of copies.
func multiply(r io.Reader, w io.Writer, n, from int) error {
	in, out := bufio.NewReaderSize(r, 1<<20), bufio.NewWriterSize(w, 1<<20)
	head, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	out.Write(head)
	lines := int64(1)
	e := json.NewEncoder(out)
	d := json.NewDecoder(in)
	d.UseNumber()
	for {
		var l exportLine
		if err := d.Decode(&l); err != nil {
			return err
		}
		if l.End != nil {
			lines--
			if err := e.Encode(exportLine{End: &lines}); err != nil {
				return err
			}
			return out.Flush()
		}
		copies := 1
		if copied[l.Table] {
			copies = (n + from - 1) / from
		}
		for c := range copies {
			if err := e.Encode(exportLine{Table: l.Table, Row: nth(l, c)}); err != nil {
				return err
			}
			lines++
		}
	}
}

// copied are the tables that a dataset has rows in.
var copied = map[string]bool{"datasets": true, "slugs": true, "versions": true, "files": true}

// nth is copy c of a row; the first is the row itself.
func nth(l exportLine, c int) map[string]any {
	if c == 0 {
		return l.Row
	}
	row := make(map[string]any, len(l.Row))
	for k, v := range l.Row {
		row[k] = v
	}
	tail := "-" + strconv.Itoa(c)
	rename := func(column string) { row[column] = row[column].(string) + tail }
	other := func(column string) {
		row[column] = uuid.NewSHA1(uuid.MustParse(row[column].(string)), []byte(tail)).String()
	}
	switch l.Table {
	case "datasets":
		created, _ := row["created"].(json.Number).Int64()
		row["created"] = created + int64(c)*1_000_000
		other("id")
		rename("slug")
		rename("key")
		rename("title")
	case "slugs":
		rename("slug")
		other("dataset")
	case "versions":
		other("dataset")
	case "files":
		other("id")
		other("dataset")
	}
	return row
}

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// layers is the picture of docs/architecture.md: who may import which of our packages. A folder that is not named may not exist.
var layers = map[string][]string{
	"catalog/reference":   {}, // lists published by the State: below everything
	"schemas":             {"catalog/reference"},
	"recipes":             {},
	"catalog":             {"schemas", "catalog/reference"},
	"catalog/store":       {"catalog", "schemas"},
	"catalog/bleve":       {"catalog"},
	"catalog/meili":       {"catalog"},
	"catalog/dcat":        {"catalog", "catalog/reference"},
	"catalog/rehearsal":   {}, // a reader of its own, judge of what dcat writes: it knows nothing of us
	"catalog/catalogtest": {"catalog", "catalog/reference", "schemas"},
	"publish":             {"catalog", "schemas"},
	"publish/s3":          {"publish"},
	"publish/publishtest": {"publish", "schemas"},
	"harvest":             {"publish", "catalog", "catalog/reference", "schemas"},
	"harvest/harvesttest": {"harvest"},
	"harvest/*":           {"harvest"},
	"harvest/connectors":  {"harvest", "harvest/*"},
	"web":                 {"publish", "catalog", "catalog/dcat", "catalog/rehearsal", "catalog/reference", "schemas"},
	"cmd/grenier/demo":    {"catalog"},
	"cmd/grenier":         {"*"},
}

// doors says which of our packages may know an outside library; a type of it never shows in their exported signatures.
var doors = map[string][]string{
	"github.com/santhosh-tekuri/jsonschema":  {"schemas"},
	"github.com/parquet-go/parquet-go":       {"publish"},
	"github.com/robfig/cron":                 {"harvest"},
	"github.com/riverqueue/river":            {"harvest"},
	"github.com/xuri/excelize":               {"harvest", "cmd/grenier/demo"},
	"github.com/richardlehane/mscfb":         {"harvest"},
	"code.dny.dev/ssrf":                      {"harvest"},
	"github.com/meilisearch/meilisearch-go":  {"catalog/meili"},
	"github.com/blevesearch/bleve":           {"catalog/bleve"},
	"github.com/uptrace/bun":                 {"catalog/store"},
	"github.com/pressly/goose":               {"catalog/store"},
	"modernc.org/sqlite":                     {"catalog/store"},
	"github.com/jackc/pgx":                   {"catalog/store", "harvest"}, // harvest: the pool that river's driver wants, and nothing else
	"github.com/minio/minio-go":              {"publish/s3"},
	"github.com/gorilla/mux":                 {"web"},
	"github.com/modelcontextprotocol/go-sdk": {"web"},
	"github.com/prometheus/client_golang":    {"web"},
	"github.com/alecthomas/kong":             {"cmd/grenier"},
	"github.com/knadh/koanf":                 {"cmd/grenier"},
	"github.com/schollz/progressbar":         {"cmd/grenier"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) (list []listed) {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "grenier/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestImports_PointDown(t *testing.T) {
	list := packages(t)
	if len(list) < 12 {
		t.Fatalf("go list found %d packages: the test sees nothing", len(list))
	}
	for _, p := range list {
		name := strings.TrimPrefix(p.ImportPath, "grenier/")
		allowed, ok := layers[row(name)]
		if !ok {
			t.Errorf("%s is not in the picture: add it to layers and to docs/architecture.md, with a reason", name)
			continue
		}
		for _, i := range p.Imports {
			ours, found := strings.CutPrefix(i, "grenier/")
			if found && !slices.Contains(allowed, "*") && !slices.Contains(allowed, ours) && !slices.Contains(allowed, row(ours)) {
				t.Errorf("%s imports %s: arrows only point down, and siblings do not know each other", name, ours)
			}
		}
	}
}

// row is the line of the table that a package stands under.
func row(name string) string {
	if _, ok := layers[name]; ok {
		return name
	}
	return path.Dir(name) + "/*"
}

func TestImports_OutsideLibrariesStayBehindTheirDoor(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, "grenier/")
		for _, i := range p.Imports {
			for library, packages := range doors {
				if strings.HasPrefix(i, library) && !slices.Contains(packages, name) {
					t.Errorf("%s imports %s, whose door is %s", name, i, strings.Join(packages, ", "))
				}
			}
		}
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"grenier/catalog"
)

func TestHeld_IsLookedAtReleasedRefusedAndReplayed(t *testing.T) {
	var body string
	deliver := func(n int) {
		var b strings.Builder
		b.WriteString("lieu,passages\n")
		for i := range n {
			fmt.Fprintf(&b, "Rue %d,%d\n", i, i)
		}
		body = b.String()
	}
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) }))
	defer source.Close()
	dir := t.TempDir()
	at := []string{"--data", filepath.Join(dir, "data"), "--config", put(t, dir, "grenier.yaml", "harvest: {allow: [\""+strings.TrimPrefix(source.URL, "http://")+"\"]}\n")}
	on := func(args ...string) []string { return append(at[:4:4], args...) }
	const id = "213900137/comptages"
	deliver(100)
	expect(t, exitOK, "3 ajouté(s)", on("apply", put(t, dir, "sources.yaml", strings.ReplaceAll(e2eSources, "URL", source.URL)))...)
	expect(t, exitOK, "publié", on("harvest", "--all")...)
	expect(t, exitOK, "Aucune livraison n’attend.", on("held")...)
	expect(t, exitUnusable, "Aucune livraison de « "+id+" » n’attend.", on("release", id, "--reason", "vu")...)
	expect(t, exitUnusable, "--reason", on("refuse", id)...)

	deliver(40)
	expect(t, exitBad, "retenu", on("harvest", "--all")...)
	expect(t, exitOK, "grenier release "+id+" --reason", on("held")...)
	expect(t, exitOK, "60 perdues", on("held", id)...)
	expect(t, exitOK, "Livraison refusée", on("refuse", id, "--reason", "export tronqué", "--by", "claire")...)
	expect(t, exitOK, "Livraison refusée le", on("harvest", "--all")...)
	expect(t, exitOK, id+" refusée par claire : export tronqué", on("held", "--decisions")...)

	deliver(41)
	expect(t, exitBad, "retenu", on("harvest", "--all")...)
	deliver(3)
	expect(t, exitOK, "publié   41 lignes", on("release", id, "--reason", "rues fermées", "--by", "paul")...)
	var runs []catalog.Run
	if err := json.Unmarshal([]byte(call(t, "", on("runs", "--json", "--status", "published")...).out), &runs); err != nil || len(runs) != 2 {
		t.Fatalf("runs %v, %v", runs, err)
	}
	for _, r := range runs {
		expect(t, exitOK, "Les mêmes fichiers, à l’octet près.", on("replay", r.ID)...)
	}
	expect(t, exitUnusable, "n’est pas connu", on("replay", "x")...)
	expect(t, exitOK, "1 modifié(s)", on("apply", put(t, dir, "autre.yaml", strings.ReplaceAll(strings.ReplaceAll(e2eSources, "URL", source.URL), "Valmeyrac", "Autreville")))...)
	expect(t, exitBad, "une différence était attendue", on("replay", runs[0].ID)...)
}

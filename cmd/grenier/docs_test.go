package main

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// links finds the targets of Markdown links and pictures.
var links = regexp.MustCompile(`\]\(([^()\s]+)\)`)

// fences are code blocks, where brackets and # are no Markdown.
var fences = regexp.MustCompile("(?ms)^```.*?^```")

func documents(t *testing.T) []string {
	t.Helper()
	found := []string{"../../README.md"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/decisions/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, files...)
	}
	if len(found) < 6 {
		t.Fatalf("only %d documents found: %v", len(found), found)
	}
	return found
}

func prose(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fences.ReplaceAllString(string(b), "")
}

func TestDocs_LinkOnlyToWhatExists(t *testing.T) {
	checked := 0
	for _, doc := range documents(t) {
		for _, m := range links.FindAllStringSubmatch(prose(t, doc), -1) {
			u, err := url.Parse(m[1])
			if err != nil {
				t.Errorf("%s: link %q: %v", doc, m[1], err)
				continue
			}
			if u.Scheme != "" {
				continue
			}
			checked++
			target := doc
			if u.Path != "" {
				target = filepath.Join(filepath.Dir(doc), filepath.FromSlash(u.Path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there: %v", doc, m[1], err)
			} else if u.Fragment != "" && !hasHeading(t, target, u.Fragment) {
				t.Errorf("%s links to %s: no such heading", doc, m[1])
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d links found: the test no longer sees them", checked)
	}
}

// hasHeading tells whether a heading of the document has the anchor that Git forges make of it.
func hasHeading(t *testing.T, path, anchor string) bool {
	for line := range strings.Lines(prose(t, path)) {
		title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " ")
		if ok && strings.HasPrefix(line, "#") && slug(title) == anchor {
			return true
		}
	}
	return false
}

var dropped = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)

func slug(title string) string {
	return strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-")
}

// quoted finds what a document names in backquotes and could be a file of ours.
var quoted = regexp.MustCompile("`([a-z][a-zA-Z0-9_./-]*)`")

func TestDocs_ArchitectureNamesOnlyFilesThatExist(t *testing.T) {
	named := 0
	for _, m := range quoted.FindAllStringSubmatch(prose(t, "../../docs/architecture.md"), -1) {
		name := m[1]
		if !strings.Contains(name, "/") || strings.Contains(name, "NOM") {
			continue
		}
		named++
		if _, err := os.Stat(filepath.Join("../..", filepath.FromSlash(name))); err != nil {
			t.Errorf("docs/architecture.md names %s: %v", name, err)
		}
	}
	if named < 5 {
		t.Errorf("only %d files named: the test no longer sees them", named)
	}
}

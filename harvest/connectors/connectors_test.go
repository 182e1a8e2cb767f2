package connectors

import (
	"regexp"
	"strings"
	"testing"
)

func TestAll_SaysEverythingAboutEachConnector(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := map[string]bool{}
	for _, k := range All {
		if !name.MatchString(k.Name) || seen[k.Name] {
			t.Errorf("name %q is not plain, or taken", k.Name)
		}
		seen[k.Name] = true
		if strings.TrimSpace(k.Title) == "" {
			t.Errorf("%s has no title", k.Name)
		}
		if len(k.Options) == 0 || k.Open == nil {
			t.Errorf("%s has no options or cannot be opened", k.Name)
		}
		for _, o := range k.Options {
			if strings.TrimSpace(o.Help) == "" || !strings.HasSuffix(o.Help, ".") {
				t.Errorf("%s.%s: help %q is no sentence", k.Name, o.Name, o.Help)
			}
			if strings.ContainsAny(o.Help, "'`\"") {
				t.Errorf("%s.%s: help %q has a straight quotation mark", k.Name, o.Name, o.Help)
			}
			if o.Type == "" {
				t.Errorf("%s.%s has no type", k.Name, o.Name)
			}
			if looksSecret := regexp.MustCompile(`password|secret|token`).MatchString(o.Name); looksSecret != o.Secret {
				t.Errorf("%s.%s: secret is %v", k.Name, o.Name, o.Secret)
			}
		}
	}
}

func TestAll_FindsConnectorsByName(t *testing.T) {
	for _, name := range []string{"http", "folder"} {
		if k, ok := All.Named(name); !ok || k.Name != name {
			t.Errorf("Named(%q) = %q, %v", name, k.Name, ok)
		}
	}
	if _, ok := All.Named("ftp"); ok {
		t.Error("a connector that does not exist is found")
	}
}

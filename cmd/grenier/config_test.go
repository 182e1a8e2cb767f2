package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// keys lists the configuration's keys, dotted.
func keys(t reflect.Type, prefix string) (list []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("koanf")
		switch {
		case name == "-":
		case f.Type.Kind() == reflect.Struct:
			list = append(list, keys(f.Type, prefix+name+".")...)
		case f.Type.Kind() == reflect.Map:
			list = append(list, prefix+name)
			list = append(list, keys(f.Type.Elem(), prefix+name+".*.")...)
		default:
			list = append(list, prefix+name)
		}
	}
	return list
}

func TestConfig_EveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	known := keys(reflect.TypeFor[Config](), "")
	for _, k := range known {
		if !strings.Contains(string(doc), "\n| `"+k+"` |") {
			t.Errorf("docs/configuration.md has no line for %s", k)
		}
	}
	if n := strings.Count(string(doc), "\n| `"); n != len(known) {
		t.Errorf("docs/configuration.md has %d keys, the program %d", n, len(known))
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grenier.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig_FileThenEnvironment(t *testing.T) {
	path := write(t, `
base_url: https://opendata.example.fr/
site: {name: Essai}
harvest:
  workers: 2
  hosts:
    "10.1.2.3:443": {parallel: 3, every: 250ms}
`)
	c, err := loadConfig(path, "", []string{"GRENIER_HARVEST__WORKERS=7", "GRENIER_HARVEST__ALLOW=10.1.2.3:443,10.1.2.4:443", "GRENIER_TEST_ANYTHING=x", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Harvest.Workers != 7 || c.BaseURL != "https://opendata.example.fr" || c.Site.Name != "Essai" || len(c.Harvest.Allow) != 2 {
		t.Errorf("got %+v", c)
	}
	if r := c.Harvest.Hosts["10.1.2.3:443"]; r.Parallel != 3 || r.Every != 250*time.Millisecond {
		t.Errorf("host rule: got %+v", c.Harvest.Hosts)
	}
	if c.Database != "sqlite:"+filepath.Join("grenier-data", "grenier.db") {
		t.Errorf("database: got %s", c.Database)
	}
}

func TestConfig_EveryFaultIsSaidWithItsPath(t *testing.T) {
	path := write(t, `
base_ulr: x
base_url: ftp://x
timezone: Europe/Lutèce
database: mysql://x
harvest: {workers: 0, worker: 1, keep_runs: 2h}
log: {level: bavard}
`)
	_, err := loadConfig(path, "", nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"base_ulr : clé inconnue", "harvest.worker : clé inconnue", "base_url :", "timezone :", "database :", "harvest.workers :", "harvest.keep_runs :", "log.level :"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message lacks %q:\n%v", want, err)
		}
	}
}

func TestConfig_SecretsComeByReference(t *testing.T) {
	term := &terminal{env: []string{"LE_MOT=abricot"}}
	if v, err := term.secret("env:LE_MOT"); err != nil || v != "abricot" {
		t.Errorf("got %q, %v", v, err)
	}
	if v, err := term.secret("file:" + write(t, "pêche\n")); err != nil || v != "pêche" {
		t.Errorf("got %q, %v", v, err)
	}
	if _, err := term.secret("abricot"); err == nil || strings.Contains(err.Error(), "abricot") {
		t.Errorf("an inline secret must be refused without being quoted: %v", err)
	}
}

package main

import (
	"os"
	"strings"
	"testing"

	"grenier/cmd/grenier/demo"
)

func TestApply_BringsTheLogosThatLieBesideTheManifest(t *testing.T) {
	i := newInstance(t, "127.0.0.1:1")
	if err := os.MkdirAll(i.path("logos"), 0o755); err != nil {
		t.Fatal(err)
	}
	i.write(t, "logos/a.svg", demo.OperatorMark)
	i.write(t, "secret.svg", demo.OperatorMark)
	const members = "members:\n  - {siren: \"213900137\", name: Valmeyrac, kind: commune, insee: \"39013\", logo: LOGO, colours: {main: \"#2b6b47\", accent: \"#9c3d00\"}}\n"
	i.must(t, exitOK, "apply", i.write(t, "membres.yaml", strings.Replace(members, "LOGO", "logos/a.svg", 1)))
	if o := i.must(t, exitOK, "apply", i.path("membres.yaml")); !strings.Contains(o.out, "Rien ne change") {
		t.Errorf("the second time: %s", o.out)
	}
	p := i.serve(t, "--roles", "web")
	page := string(p.ok(t, "/membres/213900137"))
	_, rest, _ := strings.Cut(page, `<img src="`)
	address, _, _ := strings.Cut(rest, `"`)
	if got := string(p.ok(t, address)); got != demo.OperatorMark {
		t.Errorf("%s is %.80q", address, got)
	}
	p.stop(t)

	// A link out of the folder is not followed.
	if err := os.Symlink(i.path("secret.svg"), i.path("logos/lien.svg")); err != nil {
		t.Fatal(err)
	}
	i.write(t, "logos/membres.yaml", strings.Replace(members, "LOGO", "lien.svg", 1))
	if o := i.must(t, exitBad, "apply", i.path("logos/membres.yaml")); !strings.Contains(o.err, "ne peut pas être lu") {
		t.Errorf("a link out of the folder: %s", o.err)
	}
}

func TestSite_SaysWhichFileIsWrong(t *testing.T) {
	i := newInstance(t, "127.0.0.1:1")
	i.write(t, "logo.svg", `<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`)
	i.write(t, "acces.yaml", "state: totale\n")
	for setting, says := range map[string]string{
		"logo: absent.svg":                              "site.logo : absent.svg ne peut pas être lu",
		"logo: logo.svg":                                "l’élément « script »",
		"accessibility: acces.yaml":                     "s’appuie sur un audit",
		`colours: {main: "#ffee00", accent: "#a84b18"}`: "site.colours : main",
	} {
		i.write(t, "grenier.yaml", "site: {"+setting+"}\n")
		if o := i.run(t, "serve", "--addr", freeAddress(t)); o.code == exitOK || !strings.Contains(plain(o.err), says) {
			t.Errorf("%s: exit %d, %s", setting, o.code, o.err)
		}
	}
}

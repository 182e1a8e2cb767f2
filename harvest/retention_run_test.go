package harvest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"grenier/catalog"
	"grenier/harvest"
)

func TestRun_ForgetsTheVersionsThatTheRecipeDoesNotKeep(t *testing.T) {
	const recipe = "name: %s\nconnector: http\noptions: {url: \"${url}\"}\nschema: scdl/subventions\ndataset: {key: %[1]s}\ngate: {off: essai}\n%s\n"
	b := newBench(t, fmt.Sprintf(recipe, "few", "keep: 2"), fmt.Sprintf(recipe, "monthly", "retention: {last: 3, months: 24, years: 10}"))
	for n := 1; n <= 5; n++ {
		for _, name := range []string{"few", "monthly"} {
			b.set(name, answer{body: grantFile(n, 0)})
			b.run(name, harvest.Ask{Slot: "essai"}, catalog.Published)
		}
	}
	for name, want := range map[string]string{"few": "5 4", "monthly": "5 4 3"} { // all of one day: the month's last is the newest
		versions, err := b.store.Versions(context.Background(), b.datasetID(name))
		if err != nil {
			t.Fatal(err)
		}
		var kept []string
		for _, v := range versions {
			kept = append(kept, fmt.Sprint(v.Number))
		}
		if got := strings.Join(kept, " "); got != want {
			t.Errorf("%s keeps versions %s, want %s", name, got, want)
		}
	}
}

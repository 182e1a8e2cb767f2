package meili

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/catalog/catalogtest"
)

func noSecret(ref string) (string, error) { return "", fmt.Errorf("no secret %s", ref) }

func TestIndex_OnTheStandIn(t *testing.T) {
	catalogtest.Index(t, func(t *testing.T) catalog.Index {
		s := httptest.NewServer(newStandIn())
		t.Cleanup(s.Close)
		x, err := Open(context.Background(), s.URL, noSecret)
		if err != nil {
			t.Fatal(err)
		}
		return x
	})
}

func TestIndex_OnARealServer(t *testing.T) {
	address := os.Getenv("GRENIER_TEST_MEILISEARCH_URL")
	if address == "" {
		t.Skip("no Meilisearch server: none can be had from the registries; set GRENIER_TEST_MEILISEARCH_URL to run this")
	}
	n := 0
	catalogtest.Index(t, func(t *testing.T) catalog.Index {
		n++
		sign := "?"
		if strings.Contains(address, "?") {
			sign = "&"
		}
		x, err := Open(context.Background(), fmt.Sprintf("%s%sindex=essai_%d_%d", address, sign, time.Now().Unix(), n), noSecret)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { x.drop(context.Background(), x.uid) })
		return x
	})
}

func TestOpen_RefusesAnOldServer(t *testing.T) {
	old := newStandIn()
	old.version = "1.17.3"
	s := httptest.NewServer(old)
	defer s.Close()
	if _, err := Open(context.Background(), s.URL, noSecret); err == nil || !strings.Contains(err.Error(), "1.18") {
		t.Errorf("got %v", err)
	}
}

func TestOpen_KeepsTheIndexThatIsThere(t *testing.T) {
	s := httptest.NewServer(newStandIn())
	defer s.Close()
	ctx := context.Background()
	x, err := Open(ctx, s.URL, noSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Put(ctx, catalog.Dataset{Title: "Budget"}); err != nil {
		t.Fatal(err)
	}
	if x, err = Open(ctx, s.URL, noSecret); err != nil {
		t.Fatal(err)
	}
	if p, err := x.Search(ctx, catalog.Query{Text: "budget"}); err != nil || p.Total != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestFilter_ValuesCannotEndEarly(t *testing.T) {
	if got, want := quote(`a" OR f_kind = "x\`), `"a\" OR f_kind = \"x\\"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

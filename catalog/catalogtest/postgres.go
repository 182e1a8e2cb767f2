package catalogtest

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
)

var databases atomic.Int64

// PostgresDSN makes a database of its own on the server of GRENIER_TEST_POSTGRES, dropped when
// the test ends. The test's program must hold the pgx driver, as catalog/store does.
func PostgresDSN(t testing.TB) string {
	t.Helper()
	server := os.Getenv("GRENIER_TEST_POSTGRES")
	if server == "" {
		t.Skip("PostgreSQL NOT TESTED: GRENIER_TEST_POSTGRES is not set; « make test » starts a private server and sets it")
	}
	name := fmt.Sprintf("grenier_test_%d_%d", os.Getpid(), databases.Add(1))
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	run := func(query string) {
		if _, err := admin.Exec(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	run("CREATE DATABASE " + name)
	t.Cleanup(func() {
		run("DROP DATABASE " + name + " WITH (FORCE)")
		admin.Close()
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

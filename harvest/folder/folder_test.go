package folder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"grenier/harvest"
	"grenier/harvest/harvesttest"
)

// noon is the tests' now; files are written at times around it.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// drop writes a file that was last modified so long before noon.
func drop(t *testing.T, path, text string, age time.Duration) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, noon.Add(-age), noon.Add(-age)); err != nil {
		t.Fatal(err)
	}
}

// openFolder opens the connector through its Kind, as a recipe does.
func openFolder(t *testing.T, config string, folders ...string) (harvest.Source, error) {
	t.Helper()
	return Kind.Open(json.RawMessage(config), harvest.Env{Folders: folders, Now: func() time.Time { return noon }})
}

func mustOpen(t *testing.T, dir, more string) harvest.Source {
	t.Helper()
	path, _ := json.Marshal(dir)
	s, err := openFolder(t, `{"path":`+string(path)+more+`}`, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fetched lists what a Fetch hands over: "name=text", or "name same".
func fetched(t *testing.T, s harvest.Source, last harvest.State) ([]string, harvest.State, error) {
	t.Helper()
	var all []string
	state, err := s.Fetch(t.Context(), last, func(d harvest.Document) error {
		if d.Same {
			all = append(all, d.Name+" same")
			return nil
		}
		b, err := io.ReadAll(d.Body)
		all = append(all, d.Name+"="+string(b))
		return err
	})
	return all, state, err
}

// A struckSource lets a fault happen at the moment when it hurts: after the listing, before the reading.
type struckSource struct {
	harvest.Source
	strike func(d harvest.Document)
}

func (s struckSource) Fetch(ctx context.Context, last harvest.State, fn func(harvest.Document) error) (harvest.State, error) {
	return s.Source.Fetch(ctx, last, func(d harvest.Document) error {
		s.strike(d)
		return fn(d)
	})
}

func TestFolder_AnswersTheHardQuestions(t *testing.T) {
	harvesttest.Source(t, func(t *testing.T) harvesttest.Fixture {
		dir := t.TempDir()
		names := []string{"Écoles.csv", "a.csv", "élections.csv"}
		slices.Sort(names)
		versions := make([]int, len(names))
		body := func(i int) []byte { return fmt.Appendf(nil, "fichier;%s;%d\n", names[i], versions[i]) }
		write := func(i int) {
			drop(t, filepath.Join(dir, names[i]), string(body(i)), time.Hour-time.Duration(versions[i])*time.Second)
		}
		for i := range names {
			write(i)
		}
		broken, fault := -1, harvesttest.Fault("")
		strike := func(d harvest.Document) {
			i := slices.Index(names, d.Name)
			switch {
			case fault == harvesttest.Short && i == broken:
				os.Truncate(filepath.Join(dir, names[i]), 4)
			case fault == harvesttest.Gone && i == broken-1:
				os.Remove(filepath.Join(dir, names[broken]))
			}
		}
		return harvesttest.Fixture{
			Source: struckSource{mustOpen(t, dir, ""), strike},
			Names:  names,
			Body:   body,
			Change: func(i int) { versions[i]++; write(i) },
			Break:  func(i int, f harvesttest.Fault) { broken, fault = i, f },
			Mend: func() {
				fault = ""
				if broken >= 0 {
					write(broken)
				}
			},
			Faults: []harvesttest.Fault{harvesttest.Short, harvesttest.Gone},
			Close:  func() {},
		}
	})
}

func TestFolder_ReadsOnlyWhatIsAFileAndComplete(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.csv", "A.CSV", "c.txt", "d.csv.part", "e.tmp", ".f.csv", "~$g.csv", "h.csv~", "Thumbs.db"} {
		drop(t, filepath.Join(dir, name), name, time.Hour)
	}
	drop(t, filepath.Join(dir, "new.csv"), "half", 5*time.Second)
	os.Mkdir(filepath.Join(dir, "sub.csv"), 0o700)
	outside := filepath.Join(t.TempDir(), "secret.csv")
	drop(t, outside, "secret", time.Hour)
	os.Symlink(outside, filepath.Join(dir, "link.csv"))
	os.Symlink("b.csv", filepath.Join(dir, "inner.csv"))
	syscall.Mkfifo(filepath.Join(dir, "pipe.csv"), 0o600)

	for _, c := range []struct {
		more string
		want []string
	}{
		{``, []string{"A.CSV=A.CSV", "b.csv=b.csv", "c.txt=c.txt"}},
		{`,"pattern":"*.csv"`, []string{"A.CSV=A.CSV", "b.csv=b.csv"}},
		{`,"pattern":"[a-z].CSV"`, []string{"A.CSV=A.CSV", "b.csv=b.csv"}},
		{`,"pattern":"*.csv","settle":"1s"`, []string{"A.CSV=A.CSV", "b.csv=b.csv", "new.csv=half"}},
		{`,"pattern":"*.csv","settle":"5s"`, []string{"A.CSV=A.CSV", "b.csv=b.csv", "new.csv=half"}},
		{`,"pattern":"*.csv","latest":true`, []string{"b.csv=b.csv"}},
		{`,"pattern":"*.csv","latest":true,"settle":"0s"`, []string{"new.csv=half"}},
	} {
		got, _, err := fetched(t, mustOpen(t, dir, c.more), "")
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v; want %v", c.more, got, err, c.want)
		}
	}
}

func TestFolder_TakesTheNewestByTimeThenName(t *testing.T) {
	dir := t.TempDir()
	drop(t, filepath.Join(dir, "BAL_20250301.csv"), "old", 3*time.Hour)
	drop(t, filepath.Join(dir, "BAL_20250101.csv"), "rewritten", time.Hour)
	drop(t, filepath.Join(dir, "BAL_20250102.csv"), "twin", time.Hour)
	s := mustOpen(t, dir, `,"latest":true`)
	got, state, err := fetched(t, s, "")
	if err != nil || !slices.Equal(got, []string{"BAL_20250102.csv=twin"}) {
		t.Fatalf("got %v, %v", got, err)
	}
	drop(t, filepath.Join(dir, "BAL_20250301.csv"), "old again", 2*time.Hour)
	if _, _, err := fetched(t, s, state); !errors.Is(err, harvest.ErrUnchanged) {
		t.Errorf("an older file changed: %v, want ErrUnchanged", err)
	}
}

func TestFolder_FoldsAccentsAndStrangeNames(t *testing.T) {
	dir := t.TempDir()
	nfd, nfc, latin := "e\u0301coles.csv", "\u00e9coles.csv", "march\xe9s.csv"
	drop(t, filepath.Join(dir, nfd), "nfd", time.Hour)
	drop(t, filepath.Join(dir, latin), "latin", time.Hour)
	got, state, err := fetched(t, mustOpen(t, dir, `,"pattern":"*É*.csv"`), "")
	if want := []string{"march\u00e9s.csv=latin", nfc + "=nfd"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
	drop(t, filepath.Join(dir, nfc), "nfc", time.Hour)
	got, _, err = fetched(t, mustOpen(t, dir, ""), state)
	if want := []string{"march\u00e9s.csv same", nfc + " same", nfc + "#2=nfc"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("two files of one name: got %q, %v; want %q", got, err, want)
	}
}

func TestFolder_ARemovedFileIsAChange(t *testing.T) {
	dir := t.TempDir()
	drop(t, filepath.Join(dir, "a.csv"), "a", time.Hour)
	drop(t, filepath.Join(dir, "b.csv"), "b", time.Hour)
	s := mustOpen(t, dir, "")
	_, state, err := fetched(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "b.csv"))
	got, next, err := fetched(t, s, state)
	if err != nil || !slices.Equal(got, []string{"a.csv same"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, _, err := fetched(t, s, next); !errors.Is(err, harvest.ErrUnchanged) {
		t.Errorf("then: %v", err)
	}
	os.Remove(filepath.Join(dir, "a.csv"))
	_, _, err = fetched(t, s, next)
	if err == nil || errors.Is(err, harvest.ErrUnchanged) || harvest.IsPermanent(err) || !strings.Contains(harvest.SentenceOf(err), "aucun fichier") {
		t.Errorf("empty folder: %v, %q", err, harvest.SentenceOf(err))
	}
}

func TestFolder_WaitsForAPublishedFileThatIsBeingRewritten(t *testing.T) {
	dir := t.TempDir()
	drop(t, filepath.Join(dir, "a.csv"), "a", time.Hour)
	drop(t, filepath.Join(dir, "b.csv"), "b", time.Hour)
	s := mustOpen(t, dir, "")
	_, state, err := fetched(t, s, "")
	if err != nil {
		t.Fatal(err)
	}
	drop(t, filepath.Join(dir, "b.csv"), "b, ha", 2*time.Second)
	got, _, err := fetched(t, s, state)
	if err == nil || len(got) > 0 || harvest.IsPermanent(err) || !strings.Contains(harvest.SentenceOf(err), "en cours d’écriture") {
		t.Errorf("got %v, %v", got, err)
	}
	drop(t, filepath.Join(dir, "b.csv"), "b, half and more", 30*time.Second)
	got, _, err = fetched(t, s, state)
	if want := []string{"a.csv same", "b.csv=b, half and more"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestFolder_SaysThatEverythingIsBeingWritten(t *testing.T) {
	dir := t.TempDir()
	drop(t, filepath.Join(dir, "a.csv"), "a", time.Second)
	if _, _, err := fetched(t, mustOpen(t, dir, ""), ""); err == nil || !strings.Contains(harvest.SentenceOf(err), "en cours d’écriture") {
		t.Errorf("got %v", err)
	}
}

func TestFolder_WatchesFilesThatComeFromTheFuture(t *testing.T) {
	dir := t.TempDir()
	drop(t, filepath.Join(dir, "a.csv"), "a", -24*365*time.Hour)
	s := mustOpen(t, dir, `,"settle":"60ms"`)
	got, state, err := fetched(t, s, "")
	if err != nil || !slices.Equal(got, []string{"a.csv=a"}) {
		t.Fatalf("got %v, %v", got, err)
	}
	start := time.Now()
	if _, _, err := fetched(t, s, state); !errors.Is(err, harvest.ErrUnchanged) || time.Since(start) > 50*time.Millisecond {
		t.Errorf("known file: %v after %v", err, time.Since(start))
	}
	time.AfterFunc(20*time.Millisecond, func() { os.WriteFile(filepath.Join(dir, "a.csv"), []byte("growing"), 0o600) })
	if got, _, err := fetched(t, s, ""); err == nil && !slices.Equal(got, []string{"a.csv=growing"}) {
		t.Errorf("a file written while it was watched: %v", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	drop(t, filepath.Join(dir, "a.csv"), "a", -24*365*time.Hour)
	slow := mustOpen(t, dir, `,"settle":"1h"`)
	if _, err := slow.Fetch(ctx, "", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestFolder_AFileWrittenWhileItIsReadIsAnError(t *testing.T) {
	for name, flags := range map[string]int{"grows": os.O_APPEND, "is overwritten": 0} {
		dir := t.TempDir()
		drop(t, filepath.Join(dir, "a.csv"), "abc", time.Hour)
		_, err := mustOpen(t, dir, "").Fetch(t.Context(), "", func(d harvest.Document) error {
			f, err := os.OpenFile(filepath.Join(dir, "a.csv"), flags|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.WriteString("def")
			f.Close()
			_, err = io.ReadAll(d.Body)
			return err
		})
		if err == nil || harvest.IsPermanent(err) || !strings.Contains(harvest.SentenceOf(err), "en cours d’écriture") {
			t.Errorf("a file that %s: %v", name, err)
		}
	}
}

func TestFolder_NeverLeavesTheOpenedFolders(t *testing.T) {
	opened, other := t.TempDir(), t.TempDir()
	drop(t, filepath.Join(other, "secret.csv"), "secret", time.Hour)
	os.Mkdir(filepath.Join(opened, "in"), 0o700)
	drop(t, filepath.Join(opened, "in", "a.csv"), "a", time.Hour)
	os.Symlink(other, filepath.Join(opened, "out"))

	config := func(path string) string { b, _ := json.Marshal(map[string]string{"path": path}); return string(b) }
	for _, path := range []string{other, opened + "/../" + filepath.Base(other), filepath.Dir(opened), "in", "", opened + "x", "/", opened + "\x00"} {
		s, err := openFolder(t, config(path), opened)
		if err == nil || !harvest.IsPermanent(err) {
			t.Errorf("open %q: %v, %v", path, s, err)
		}
	}
	if _, err := openFolder(t, config(other), opened); !strings.Contains(harvest.SentenceOf(err), "administrateur") || !strings.Contains(harvest.SentenceOf(err), `- "`+other+`"`) {
		t.Errorf("the sentence does not say who may open the folder, and how: %q", harvest.SentenceOf(err))
	}
	s, err := openFolder(t, config(filepath.Join(opened, "out")), opened)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := fetched(t, s, ""); err == nil {
		t.Errorf("a link led out of the folder: %v", got)
	}
	s, err = openFolder(t, config(filepath.Join(opened, "in")), other, opened)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := fetched(t, s, ""); err != nil || !slices.Equal(got, []string{"a.csv=a"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestFolder_AMissingFolderIsSaidAndMayComeBack(t *testing.T) {
	dir := t.TempDir()
	s, err := openFolder(t, `{"path":"`+filepath.Join(dir, "absent")+`"}`, dir)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = fetched(t, s, "")
	if err == nil || harvest.IsPermanent(err) || !strings.Contains(harvest.SentenceOf(err), "n’existe pas") {
		t.Errorf("got %v, %q", err, harvest.SentenceOf(err))
	}
}

func TestFolder_RefusesPatternsThatAreNone(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{"[", "sub/*.csv", "../*"} {
		b, _ := json.Marshal(map[string]string{"path": dir, "pattern": p})
		if _, err := openFolder(t, string(b), dir); err == nil || !harvest.IsPermanent(err) {
			t.Errorf("pattern %q: %v", p, err)
		}
	}
}

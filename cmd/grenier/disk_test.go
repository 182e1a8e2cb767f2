//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"grenier/catalog"
	"grenier/harvest"
)

// An estate is an installation called in this process, and the server whose tables it harvests.
type estate struct {
	instance
	version atomic.Int64
	url     string
}

// newEstate harvests the first n tables of the changing server into dir.
func newEstate(t *testing.T, dir string, n int, settings string) *estate {
	t.Helper()
	e := &estate{instance: instance{dir}}
	server := httptest.NewServer(changing(&e.version, make(chan struct{}, 1)))
	t.Cleanup(server.Close)
	e.url = server.URL
	host := strings.TrimPrefix(server.URL, "http://")
	e.write(t, "grenier.yaml", fmt.Sprintf("harvest:\n  workers: 2\n  jitter: -1s\n  allow: [%q]\n  hosts: {%q: {parallel: 8, every: -1s}}\n%s", host, host, settings))
	e.write(t, "sources.yaml", killSources(server.URL, n))
	return e
}

// grenier calls the program in this process.
func (e *estate) grenier(t *testing.T, args ...string) outcome {
	t.Helper()
	return call(t, "", append([]string{"--config", e.path("grenier.yaml"), "--data", e.path("data")}, args...)...)
}

// well wants a harvest of everything to end well, with the newest edition online.
func (e *estate) well(t *testing.T, when string) {
	t.Helper()
	if o := e.grenier(t, "harvest", "--all"); o.code != exitOK {
		t.Fatalf("%s: the next harvest ends with %d\n%s%s", when, o.code, o.out, o.err)
	}
	e.inspect(t, when+", then harvested again", 0)
	e.newest(t, e.version.Load())
}

// noTemp wants no temporary file left.
func (e *estate) noTemp(t *testing.T, when string) {
	t.Helper()
	left, err := os.ReadDir(e.path("data/blobs/.tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("%s: temporary files are left: %v, %v", when, left, err)
	}
}

// syncing lets every sync of this process go through hook, which calls next to have it done.
func syncing(t *testing.T, hook func(path string, next func() error) error) {
	t.Helper()
	old := syncFile
	syncFile = func(f *os.File) error { return hook(f.Name(), f.Sync) }
	t.Cleanup(func() { syncFile = old })
	watchSQLite(t, func(path string, next func() bool) bool {
		return hook(path, func() error {
			if !next() {
				return syscall.EIO
			}
			return nil
		}) == nil
	})
}

// SECURITY P-03: whichever sync of a harvest fails, of a blob, a folder or the catalogue, nothing half is online, the disk is asked nothing more of
// that store, and the next process publishes.
func TestSync_AnyFailureLeavesOldOrNewAndTheNextProcessPublishes(t *testing.T) {
	e := newEstate(t, t.TempDir(), 2, "")
	var mu sync.Mutex
	var calls, fail, after int
	var failed string
	syncing(t, func(path string, next func() error) error {
		mu.Lock()
		calls++
		bad := calls == fail
		if bad {
			failed = path
		} else if failed != "" && sameStore(failed, path) {
			after++
		}
		mu.Unlock()
		if bad {
			return syscall.EIO
		}
		return next()
	})
	e.version.Add(1)
	if o := e.grenier(t, "apply", e.path("sources.yaml")); o.code != exitOK {
		t.Fatal(o.err)
	}
	e.well(t, "at first")
	var blobs, bases int
	for n := 1; ; n++ {
		e.version.Add(1)
		mu.Lock()
		calls, fail, after, failed = 0, n, 0, ""
		mu.Unlock()
		o := e.grenier(t, "harvest", "--all")
		mu.Lock()
		all, what := calls, failed
		late := after
		fail = 0
		mu.Unlock()
		if what == "" {
			t.Logf("%d syncs in one harvest: %d failures of files and folders, %d of the catalogue", all, blobs, bases)
			if o.code != exitOK || blobs < 10 || bases < 2 {
				t.Errorf("without a failure: exit %d\n%s%s", o.code, o.out, o.err)
			}
			return
		}
		when := fmt.Sprintf("sync %d, of %s, fails", n, strings.TrimPrefix(what, e.dir))
		if strings.Contains(what, "grenier.db") {
			bases++
		} else {
			blobs++
			done := strings.Contains(o.out, "2 publiées, ") // it was the copy of the catalogue beside the files that failed, afterwards
			if !done && o.code != exitBad || !strings.Contains(plain(o.out+o.err), "n’a pas confirmé") {
				t.Errorf("%s: exit %d\n%s%s", when, o.code, o.out, o.err)
			}
			if late > 1 { // the other worker may have been about to
				t.Errorf("%s: the blob store synced %d times afterwards", when, late)
			}
		}
		e.inspect(t, when, 2*time.Minute)
		e.noTemp(t, when)
		e.well(t, when)
		if t.Failed() {
			return
		}
	}
}

// sameStore tells whether two paths are both of the blob store.
func sameStore(a, b string) bool {
	return strings.Contains(a, "/blobs") && strings.Contains(b, "/blobs")
}

// A ledger is what a disk would still have if the power failed now: of each file the bytes of its last sync, of each folder the names of its last
// sync. Whoever asks for no sync gets nothing.
type ledger struct {
	t       *testing.T
	root    string
	files   map[uint64][]byte            // by inode
	held    map[uint64]*os.File          // keeps the inode's number from being given again
	folders map[string]map[string]uint64 // path → name → inode; 0 is a folder
}

func newLedger(t *testing.T, root string) *ledger {
	l := &ledger{t: t, root: root, files: map[uint64][]byte{}, held: map[uint64]*os.File{}, folders: map[string]map[string]uint64{}}
	t.Cleanup(func() {
		for _, f := range l.held {
			f.Close()
		}
	})
	return l
}

// synced notes that the disk has confirmed what is at path.
func (l *ledger) synced(path string) {
	info, err := os.Stat(path)
	if err != nil {
		return // a file that is gone has nothing to lose
	}
	if info.IsDir() {
		l.folder(path)
		return
	}
	f, err := os.Open(path)
	if err != nil {
		l.t.Errorf("ledger: %v", err)
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		l.t.Errorf("ledger: %v", err)
	}
	id := inode(info)
	l.files[id] = b
	if l.held[id] == nil {
		l.held[id] = f
	} else {
		f.Close()
	}
	if strings.Contains(path, "grenier.db-") { // SQLite syncs the folder of a new journal with its first sync
		l.folder(filepath.Dir(path))
	}
}

func (l *ledger) folder(path string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		l.t.Errorf("ledger: %v", err)
	}
	names := map[string]uint64{}
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil: // gone meanwhile
		case e.IsDir():
			names[e.Name()] = 0
		default:
			names[e.Name()] = inode(info)
			if f, err := os.Open(filepath.Join(path, e.Name())); err == nil && l.held[inode(info)] == nil {
				l.held[inode(info)] = f
			} else if err == nil {
				f.Close()
			}
		}
	}
	l.folders[path] = names
}

func inode(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

// survive writes what is left after the power failed.
func (l *ledger) survive(to string) { l.write(l.root, to) }

func (l *ledger) write(from, to string) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		l.t.Fatal(err)
	}
	for name, id := range l.folders[from] {
		if id == 0 {
			l.write(filepath.Join(from, name), filepath.Join(to, name))
		} else if err := os.WriteFile(filepath.Join(to, name), l.files[id], 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
}

// SECURITY P-02: if the power fails at any sync of a harvest, or right after it, what the catalogue then names is there, whole, of one edition; and
// what a command that ended well had published is still published.
func TestSync_PowerLossForgetsNothingThatIsNamed(t *testing.T) {
	e := newEstate(t, t.TempDir(), 2, "")
	l := newLedger(t, e.path("data"))
	var mu sync.Mutex
	var points int
	var watching bool
	look := func(when string) {
		dir, done := t.TempDir(), make(chan struct{})
		go func() { // a test that fails here must not take the harvest's goroutine away
			defer close(done)
			l.survive(filepath.Join(dir, "data"))
			instance{dir}.inspect(t, when, 2*time.Minute)
		}()
		<-done
		os.RemoveAll(dir)
	}
	syncing(t, func(path string, next func() error) error {
		if !strings.HasPrefix(path, e.path("data")) { // a copy that is looked at
			return next()
		}
		mu.Lock()
		defer mu.Unlock()
		if err := next(); err != nil {
			return err
		}
		l.synced(path)
		if points++; watching && !t.Failed() {
			look(fmt.Sprintf("power lost after sync %d, of %s", points, strings.TrimPrefix(path, e.dir)))
		}
		return nil
	})
	e.version.Add(1)
	if o := e.grenier(t, "apply", e.path("sources.yaml")); o.code != exitOK {
		t.Fatal(o.err)
	}
	e.well(t, "at first")
	for range 2 {
		e.version.Add(1)
		watching, points = true, 0
		o := e.grenier(t, "harvest", "--all")
		watching = false
		if o.code != exitOK || points < 20 {
			t.Fatalf("%d syncs, exit %d\n%s%s", points, o.code, o.out, o.err)
		}
		dir := t.TempDir()
		l.survive(filepath.Join(dir, "data"))
		instance{dir}.inspect(t, "power lost at the end", 2*time.Minute)
		instance{dir}.newest(t, e.version.Load())
	}
	t.Logf("power lost at each of %d syncs", points)
}

// A server whose disk leaves a write unconfirmed publishes nothing more, says so while it still answers, and ends with an error for its service
// manager to start another one.
func TestServe_EndsWhenTheDiskConfirmsNothing(t *testing.T) {
	e := newEstate(t, t.TempDir(), 1, "addr: 127.0.0.1:0\n")
	e.version.Add(1)
	for _, args := range [][]string{{"apply", e.path("sources.yaml")}, {"harvest", "--all"}} {
		if o := e.grenier(t, args...); o.code != exitOK {
			t.Fatal(o.err)
		}
	}
	for _, part := range []string{"blobs", "grenier.db"} {
		var broken atomic.Bool
		syncing(t, func(path string, next func() error) error {
			if broken.Load() && strings.Contains(path, part) {
				return syscall.EIO
			}
			return next()
		})
		term := &terminal{in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{}, log: silent()}
		c, err := loadConfig(e.path("grenier.yaml"), e.path("data"), nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := term.assemble(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		addr := make(chan string, 1)
		go func() { ended <- term.serve(t.Context(), p, []string{"web"}, func(a string) { addr <- a }) }()
		site := &portal{url: "http://" + <-addr}
		if r, _ := site.get(t, "GET", "/readyz"); r.StatusCode != 200 {
			t.Errorf("%s: before, /readyz answers %d", part, r.StatusCode)
		}
		broken.Store(true)
		e.version.Add(1)
		sources, err := p.store.Sources(t.Context(), catalog.SourceQuery{})
		if err != nil {
			t.Fatal(err)
		}
		run, err := p.runner().Run(t.Context(), sources[0], harvest.Ask{})
		if err == nil && (run.Status != catalog.Failed || !strings.Contains(run.Message, "confirmé")) {
			t.Errorf("%s: run %s: %s", part, run.Status, run.Message)
		}
		if part == "grenier.db" && !errors.Is(errors.Join(err, p.store.Failed()), catalog.ErrNotSynced) {
			t.Errorf("%s: %v", part, err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, catalog.ErrNotSynced) || term.end(t.Context(), err) != exitBad {
				t.Errorf("%s: serve ends with %v", part, err)
			}
		case <-time.After(15 * time.Second):
			t.Fatalf("%s: serve does not end", part)
		}
		broken.Store(false)
		if err := p.blobs.Put(t.Context(), "raw/ab/later", strings.NewReader("x")); part == "blobs" && !errors.Is(err, catalog.ErrNotSynced) {
			t.Errorf("put afterwards: %v", err)
		}
		if _, err := p.runner().Run(t.Context(), sources[0], harvest.Ask{}); part == "grenier.db" && !errors.Is(err, catalog.ErrNotSynced) {
			t.Errorf("run afterwards: %v", err)
		}
		p.close()
		e.inspect(t, part, 2*time.Minute)
		e.well(t, part)
	}
}

// smallDisk mounts a file system of a few megabytes.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("SKIPPED: what a full disk does was not tested: no tmpfs can be mounted here (%v); run as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// An ailment makes a disk refuse writes until it is cured.
type ailment struct {
	name, says string
	begin      func(t *testing.T, e *estate) (cure func())
}

// ballast fills the disk but for the given bytes.
func ballast(left int64) func(*testing.T, *estate) func() {
	return func(t *testing.T, e *estate) func() {
		path := e.path("ballast")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for size := 1 << 20; size >= 512; {
			if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
				size /= 2
			} else if err != nil {
				t.Fatal(err)
			}
		}
		info, err := f.Stat()
		if err == nil {
			err = f.Truncate(info.Size() - left)
		}
		if err != nil {
			t.Fatal(err)
		}
		return func() { os.Remove(path) }
	}
}

// noInodes makes files until there can be no other.
func noInodes(t *testing.T, e *estate) func() {
	dir := e.path("many")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(n)))
		if errors.Is(err, syscall.ENOSPC) {
			return func() { os.RemoveAll(dir) }
		}
		if err != nil || n > 100_000 {
			t.Fatal(n, err)
		}
		f.Close()
	}
}

// replaced puts a file in place of a folder, which nothing can then be written to, by root neither.
func replaced(name string) func(*testing.T, *estate) func() {
	return func(t *testing.T, e *estate) func() {
		path := e.path(name)
		if err := errors.Join(os.Rename(path, path+".away"), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := errors.Join(os.Remove(path), os.Rename(path+".away", path)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// SECURITY: while the disk takes nothing, at whatever point of a harvest, the portal answers with what was published before, runs
// say why they failed and leave nothing half done; once the disk is well the same process publishes.
func TestServe_OutlivesADiskThatTakesNothing(t *testing.T) {
	e := newEstate(t, smallDisk(t, "size=40m,nr_inodes=2000"), 3, "addr: 127.0.0.1:0\nmin_free: 0\n")
	e.version.Add(1)
	for _, args := range [][]string{{"apply", e.path("sources.yaml")}, {"harvest", "--all"}} {
		if o := e.grenier(t, args...); o.code != exitOK {
			t.Fatal(o.err)
		}
	}
	term := &terminal{in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{}, log: silent()}
	c, err := loadConfig(e.path("grenier.yaml"), e.path("data"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := term.assemble(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	ctx, stop := context.WithCancel(t.Context())
	ended, addr := make(chan error, 1), make(chan string, 1)
	go func() {
		ended <- term.serve(ctx, p, []string{"web", "worker", "scheduler"}, func(a string) { addr <- a })
	}()
	site := &portal{url: "http://" + <-addr}
	full := "Le disque des données est plein"
	ailments := []ailment{
		{"no inode", full, noInodes},
		{"no folder for temporary files", "ne peut pas être écrit", replaced("data/blobs/.tmp")},
		{"no folder for raw files", "ne peut pas être écrit", replaced("data/blobs/raw")},
	}
	for _, left := range []int64{0, 8 << 10, 32 << 10, 80 << 10, 200 << 10} {
		ailments = append(ailments, ailment{fmt.Sprintf("%d bytes left", left), full, ballast(left)})
	}
	for _, a := range ailments {
		e.suffers(t, p, site, a)
		select {
		case err := <-ended:
			t.Fatalf("%s: serve has ended: %v", a.name, err)
		default:
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("serve ends with %v", err)
	}
}

// suffers harvests while the disk is ill, looks at the portal, cures the disk and harvests again.
func (e *estate) suffers(t *testing.T, p *program, site *portal, a ailment) {
	t.Helper()
	e.version.Add(1)
	cure := a.begin(t, e)
	failed, published := e.harvest(t, p, a)
	e.answers(t, site, a.name)
	r, health := site.get(t, "GET", "/healthz")
	if r.StatusCode != 200 || a.name == "0 bytes left" && !strings.Contains(plain(string(health)), a.says) {
		t.Errorf("%s: /healthz: %s %q", a.name, r.Status, health)
	}
	cure()
	e.noTemp(t, a.name)
	e.inspect(t, a.name, 2*time.Minute) // declares abandoned what could not even be recorded, as the scheduler does
	if failed+published < 3 || failed == 0 {
		t.Errorf("%s: %d runs failed, %d published", a.name, failed, published)
	}
	if n, _ := e.harvest(t, p, ailment{name: a.name + ", cured"}); n != 0 {
		t.Errorf("%s: %d runs fail once it is cured", a.name, n)
	}
	e.newest(t, e.version.Load())
	e.noTemp(t, a.name+", cured")
	t.Logf("%s: %d runs failed, %d published", a.name, failed, published)
}

// harvest runs every source in the portal's process.
func (e *estate) harvest(t *testing.T, p *program, a ailment) (failed, published int) {
	t.Helper()
	sources, err := p.store.Sources(t.Context(), catalog.SourceQuery{})
	if err != nil {
		t.Fatal(err)
	}
	err = p.runner().RunAll(t.Context(), sources, 2, harvest.Ask{}, func(r harvest.Result) {
		switch text := plain(r.Run.Message); {
		case r.Err != nil: // the catalogue itself is full
			if failed++; a.says == "" || !strings.Contains(plain(harvest.SentenceOf(r.Err)), a.says) {
				t.Errorf("%s: %s: %v", a.name, r.Source.ID, r.Err)
			}
		case r.Run.Status == catalog.Failed:
			if failed++; a.says == "" || !strings.Contains(text, a.says) || strings.Contains(text, e.dir) {
				t.Errorf("%s: %s: %q (%s)", a.name, r.Source.ID, text, r.Run.Error)
			}
		case r.Run.Status == catalog.Published || a.says == "" && r.Run.Status == catalog.Unchanged: // published while the disk was filling up
			published++
		default:
			t.Errorf("%s: %s is %s", a.name, r.Source.ID, r.Run.Status)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return failed, published
}

// answers wants the page, the rows and each file of every dataset, as long as the API says and with its checksum.
func (e *estate) answers(t *testing.T, site *portal, when string) {
	t.Helper()
	type oneDataset struct {
		ID, Slug string
		Files    []struct {
			URL, SHA256 string
			Bytes       *int64
		}
	}
	var list struct{ Data []oneDataset }
	r, body := site.get(t, "GET", "/api/1/jeux")
	if r.StatusCode != 200 {
		t.Fatalf("%s: the API answers %s", when, r.Status)
	}
	unmarshal(t, string(body), &list)
	files := 0
	for _, d := range list.Data {
		for _, path := range []string{"/jeux/" + d.Slug, "/api/1/jeux/" + d.ID + "/lignes"} {
			if r, _ := site.get(t, "GET", path); r.StatusCode != 200 {
				t.Errorf("%s: %s answers %s", when, path, r.Status)
			}
		}
		var whole oneDataset
		_, body := site.get(t, "GET", "/api/1/jeux/"+d.ID)
		unmarshal(t, string(body), &whole)
		for _, f := range whole.Files {
			if f.Bytes == nil {
				continue
			}
			u, err := url.Parse(f.URL)
			if err != nil {
				t.Fatal(err)
			}
			files++
			if r, b := site.get(t, "GET", u.Path, "Accept-Encoding", "identity"); r.StatusCode != 200 || int64(len(b)) != *f.Bytes || checksum(b) != f.SHA256 {
				t.Errorf("%s: %s answers %s with %d bytes, %d are announced, or another checksum", when, u.Path, r.Status, len(b), *f.Bytes)
			}
		}
	}
	if len(list.Data) < 3 || files < 6 {
		t.Errorf("%s: %d datasets with %d files", when, len(list.Data), files)
	}
}

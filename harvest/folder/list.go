package folder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"grenier/harvest"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// A file is one that can be read.
type file struct {
	name     string // on disk
	title    string // the document's name: NFC, valid UTF-8, unique
	mark     mark
	modified time.Time
	seen     bool // unmodified while it was watched
}

// A mark tells one state of a file from another.
type mark struct {
	Size     int64 `json:"size"`
	Modified int64 `json:"modified"` // nanoseconds since 1970
}

func markOf(info fs.FileInfo) mark { return mark{info.Size(), info.ModTime().UnixNano()} }

// A memory is the connector's State: the files of the last published Fetch, by title.
type memory struct{ Files map[string]mark }

const memoryVersion = 1

// recall reads a State; one that it cannot read is no memory at all.
func recall(s harvest.State) memory {
	return memory{harvest.Recall[map[string]mark](memoryVersion, s)}
}

func (m memory) state() harvest.State { return harvest.Remember(memoryVersion, m.Files) }

// are tells whether files are exactly those of m, unmodified.
func (m memory) are(files []file) bool {
	now := map[string]mark{}
	for _, f := range files {
		now[f.title] = f.mark
	}
	return len(m.Files) > 0 && maps.Equal(m.Files, now)
}

// list finds the files to read, sorted by title. What is still being written is left for later; if it was published before, the whole
// Fetch waits, because going on without it would publish a table without its rows.
func (s *source) list(ctx context.Context, dir *os.Root, known memory) ([]file, error) {
	files, err := s.matching(ctx, dir)
	if err != nil {
		return nil, err
	}
	giveTitles(files)
	files, err = s.watched(ctx, dir, files, known)
	if err != nil {
		return nil, err
	}
	var ready []file
	writing := ""
	for _, f := range files {
		switch {
		case known.Files[f.title] == f.mark || s.isSettled(f):
			ready = append(ready, f)
		case known.Files[f.title] != (mark{}):
			return nil, busy(f.title, errUnsettled)
		default:
			writing = f.title
		}
	}
	switch {
	case len(ready) > 0:
		return s.wanted(ready), nil
	case writing != "":
		return nil, busy(writing, errUnsettled)
	}
	return nil, emptyFolder()
}

var errUnsettled = errors.New("file modified too recently")

// isSettled tells whether a file was last modified long enough ago.
func (s *source) isSettled(f file) bool {
	return f.seen || s.settle == 0 || s.now().Sub(f.modified) >= s.settle
}

// watched looks twice at files that come from the future, as the times of a share whose clock is wrong do: settled are those that stay
// the same in between.
func (s *source) watched(ctx context.Context, dir *os.Root, files []file, known memory) ([]file, error) {
	odd := func(f file) bool {
		return f.modified.After(s.now()) && known.Files[f.title] != f.mark && !s.isSettled(f)
	}
	if !slices.ContainsFunc(files, odd) {
		return files, nil
	}
	timer := time.NewTimer(s.settle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for i, f := range files {
		if info, err := dir.Lstat(f.name); odd(f) && err == nil {
			files[i].seen = markOf(info) == f.mark
		}
	}
	return files, nil
}

// matching lists the regular files with a fitting name. Links are not followed.
func (s *source) matching(ctx context.Context, dir *os.Root) ([]file, error) {
	entries, err := fs.ReadDir(dir.FS(), ".")
	if err != nil {
		return nil, unreadable(err)
	}
	var files []file
	for _, e := range entries {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		title := readable(e.Name())
		if fits, _ := path.Match(s.pattern, fold(title)); !fits || isPassing(title) {
			continue
		}
		info, err := dir.Lstat(e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, unreadable(fmt.Errorf("look at dropped file: %w", err))
		case !info.Mode().IsRegular():
			continue
		}
		files = append(files, file{name: e.Name(), title: title, mark: markOf(info), modified: info.ModTime()})
	}
	return files, nil
}

// isPassing recognises what software and systems leave beside the real files: half-written ones, locks, hidden files.
func isPassing(title string) bool {
	title = strings.ToLower(title)
	for _, prefix := range []string{".", "~$", "~lock", "._"} {
		if strings.HasPrefix(title, prefix) {
			return true
		}
	}
	switch path.Ext(title) {
	case ".part", ".tmp", ".partial", ".filepart", ".crdownload", ".download", ".swp":
		return true
	}
	return strings.HasSuffix(title, "~") || title == "thumbs.db" || title == "desktop.ini"
}

// readable is a file's name in NFC; bytes that are no UTF-8 come from a Windows share.
func readable(name string) string {
	if !utf8.ValidString(name) {
		if text, err := charmap.Windows1252.NewDecoder().String(name); err == nil {
			name = text
		}
	}
	return norm.NFC.String(name)
}

// giveTitles sorts the files by title, the same on every system, and tells apart those whose titles differ only on disk.
func giveTitles(files []file) {
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(cmp.Compare(a.title, b.title), cmp.Compare(a.name, b.name))
	})
	seen := map[string]int{}
	for i := range files {
		title := files[i].title
		seen[title]++
		if n := seen[title]; n > 1 {
			files[i].title += "#" + strconv.Itoa(n)
		}
	}
}

// wanted is every file, or the newest one; of two with the same time, the last by name.
func (s *source) wanted(files []file) []file {
	if !s.latest {
		return files
	}
	newest := files[0]
	for _, f := range files[1:] {
		if !f.modified.Before(newest.modified) {
			newest = f
		}
	}
	return []file{newest}
}

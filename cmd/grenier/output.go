package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// isTerminal tells whether w is a screen.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is how many columns the screen has, 80 elsewhere.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 20 {
			return n
		}
	}
	return 80
}

// screen is how many columns the screen has, 0 when t.out is none: there a line is never cut, so that other programs can read it.
func (t *terminal) screen() int {
	if t.columns > 0 || !isTerminal(t.out) {
		return t.columns
	}
	return width(t.out)
}

// wrap breaks text between words into lines of at most n columns, each after indent; n 0 is no limit. A word longer than a line stays whole.
func wrap(text, indent string, n int) string {
	var b strings.Builder
	used := 0
	for i, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\n' }) {
		size := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			b.WriteString(indent)
			used = utf8.RuneCountInString(indent)
		case n > 0 && used+1+size > n:
			b.WriteString("\n" + indent)
			used = utf8.RuneCountInString(indent)
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += size
	}
	return b.String()
}

// whyNot says in French why a file cannot be used.
func whyNot(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "il n’existe pas"
	case errors.Is(err, fs.ErrPermission):
		return "l’accès est refusé"
	}
	return err.Error()
}

// colours tells whether t.out may be coloured.
func (t *terminal) colours() bool {
	return isTerminal(t.out) && !slices.ContainsFunc(t.env, func(s string) bool { return strings.HasPrefix(s, "NO_COLOR=") && s != "NO_COLOR=" })
}

// paint colours text on a screen: 31 red, 32 green, 33 yellow, 1 bold.
func (t *terminal) paint(code int, text string) string {
	if !t.colours() {
		return text
	}
	return "\x1b[" + strconv.Itoa(code) + "m" + text + "\x1b[0m"
}

// A bar shows progress on a screen; elsewhere it writes nothing.
type bar struct{ b *progressbar.ProgressBar }

// newBar shows how far of total things called what is done.
func (t *terminal) newBar(total int, what string) bar {
	if !isTerminal(t.err) {
		return bar{}
	}
	return bar{progressbar.NewOptions(total, progressbar.OptionSetWriter(t.err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(min(30, width(t.err)/3)), progressbar.OptionThrottle(80*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionUseANSICodes(true))}
}

// bigFile is the size from which reading one file shows its progress.
const bigFile = 20 << 20

// newBytesBar shows how far of a file has been read; a small file shows nothing.
func (t *terminal) newBytesBar(bytes int64, what string) bar {
	if bytes < bigFile || !isTerminal(t.err) {
		return bar{}
	}
	return bar{progressbar.NewOptions64(bytes, progressbar.OptionSetWriter(t.err), progressbar.OptionSetDescription(clip(what, 30)), progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(min(30, width(t.err)/3)), progressbar.OptionThrottle(80*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true))}
}

func (b bar) add(n int) {
	if b.b != nil {
		b.b.Add(n)
	}
}

// aside writes a line above the bar.
func (b bar) aside(w io.Writer, line string) {
	if b.b != nil {
		b.b.Clear()
	}
	fmt.Fprintln(w, line)
}

func (b bar) end() {
	if b.b != nil {
		b.b.Finish()
	}
}

// number writes 12345 as « 12 345 ».
func number[T ~int | ~int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// plural writes a count and its noun: « 1 ligne », « 3 lignes ». Zero is singular in French.
func plural[T ~int | ~int64](n T, one, many string) string {
	if n < 2 {
		return number(n) + " " + one
	}
	return number(n) + " " + many
}

// size writes a number of bytes for people: « 812 octets », « 3,4 Mo », in powers of ten as the portal does.
func size(n int64) string {
	if n < 1000 {
		return plural(n, "octet", "octets")
	}
	units := []string{"ko", "Mo", "Go", "To"}
	f, u := float64(n)/1000, 0
	for f >= 999.95 && u < len(units)-1 {
		f, u = f/1000, u+1
	}
	return strings.Replace(strconv.FormatFloat(f, 'f', 1, 64), ".", ",", 1) + "\u00a0" + units[u]
}

// clip cuts text to n columns.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:max(0, n-1)]) + "…"
}

// pad fills text with spaces to n columns.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s))) }

package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"
)

// namedVersions is how many kept versions an answer names.
const namedVersions = 24

// asOf is a dataset with the version that the reader asks for: version=3, or le=2026-06-30 for the one that was online at the end of that day (in the
// site's time zone). Version, Rows, Files and Modified (when it went online) are then that version's; past says so. Without either it is d.
//
// 400 is a bad question, 404 a version that never was or a day on which nothing was online, 410 a version that is no longer kept.
func (s *Server) asOf(ctx context.Context, d catalog.Dataset, v url.Values) (then catalog.Dataset, past bool, err error) {
	number, day := v.Get("version"), v.Get("le")
	switch {
	case number == "" && day == "":
		return d, false, nil
	case number != "" && day != "":
		return d, false, problem(http.StatusBadRequest, "Donnez « version » ou « le », pas les deux.")
	}
	var found catalog.Version
	if number != "" {
		found, err = s.versionNumbered(ctx, d, "version", number)
	} else {
		found, err = s.versionOn(ctx, d, day)
	}
	if err != nil {
		return d, false, err
	}
	d.Version, d.Rows, d.Rejected, d.Valid, d.Files, d.Modified = found.Number, found.Rows, found.Rejected, found.Valid, found.Files, found.Published
	return d, true, nil
}

// versionNumbered finds a kept version by its number; name is the parameter.
func (s *Server) versionNumbered(ctx context.Context, d catalog.Dataset, name, text string) (catalog.Version, error) {
	kept, err := s.versions(ctx, d)
	if err != nil {
		return catalog.Version{}, err
	}
	return pickVersion(d, kept, name, text)
}

func (s *Server) versions(ctx context.Context, d catalog.Dataset) ([]catalog.Version, error) {
	kept, err := s.Store.Versions(ctx, d.ID)
	if err != nil {
		return nil, fmt.Errorf("read versions of %s: %w", d.ID, err)
	}
	// A version whose files went with a withdrawal is a date in the calendar, nothing more.
	return slices.DeleteFunc(kept, func(v catalog.Version) bool { return len(v.Files) == 0 }), nil
}

// pickVersion finds a version among those kept, newest first.
func pickVersion(d catalog.Dataset, kept []catalog.Version, name, text string) (catalog.Version, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || strconv.Itoa(n) != text {
		return catalog.Version{}, problem(http.StatusBadRequest, "Le paramètre « "+name+" » est un numéro de version, à partir de 1.")
	}
	for _, v := range kept {
		if v.Number == n {
			return v, nil
		}
	}
	if n > d.Version {
		return catalog.Version{}, &httpError{status: http.StatusNotFound, code: "no_version",
			message: fmt.Sprintf("La version %d n’existe pas : la dernière est la version %d. ", n, d.Version) + keptSentence(kept)}
	}
	return catalog.Version{}, &httpError{status: http.StatusGone, code: "version_gone", title: "Version retirée",
		message: fmt.Sprintf("La version %d n’est plus conservée. ", n) + keptSentence(kept)}
}

// keptSentence names the kept versions.
func keptSentence(kept []catalog.Version) string {
	var numbers []string
	for _, v := range kept[:min(len(kept), namedVersions)] {
		numbers = append(numbers, strconv.Itoa(v.Number))
	}
	switch more := len(kept) - len(numbers); {
	case len(numbers) == 0:
		return "Aucune version n’est conservée."
	case len(numbers) == 1:
		return "Seule la version " + numbers[0] + " est conservée."
	case more > 0:
		return "Versions conservées : " + strings.Join(numbers, ", ") + " et " + count(more, "autre, plus ancienne.", "autres, plus anciennes.")
	}
	last := len(numbers) - 1
	return "Versions conservées : " + strings.Join(numbers[:last], ", ") + " et " + numbers[last] + "."
}

// versionOn finds the version that was online at the end of a day.
func (s *Server) versionOn(ctx context.Context, d catalog.Dataset, text string) (catalog.Version, error) {
	day, err := time.ParseInLocation(time.DateOnly, text, s.Location)
	if err != nil {
		return catalog.Version{}, problem(http.StatusBadRequest, "Le paramètre « le » est un jour, écrit année-mois-jour (exemple : 2026-06-30).")
	}
	if day.After(s.Now()) {
		return catalog.Version{}, problem(http.StatusBadRequest, "Le paramètre « le » demande un jour passé, ou aujourd’hui ; le "+date(day)+" n’est pas encore venu.")
	}
	periods, err := s.Store.Timeline(ctx, d.ID)
	if err != nil {
		return catalog.Version{}, fmt.Errorf("read timeline of %s: %w", d.ID, err)
	}
	end := day.AddDate(0, 0, 1)
	at := slices.IndexFunc(periods, func(p catalog.Period) bool { return p.From.Before(end) })
	if at < 0 || !periods[at].To.IsZero() && periods[at].To.Before(end) { // withdrawn before the next version
		return catalog.Version{}, s.nothingOnline(day, periods, at)
	}
	p := periods[at]
	if len(p.Files) == 0 {
		return catalog.Version{}, s.versionForgotten(day, periods, at)
	}
	return catalog.Version{Dataset: d.ID, Number: p.Version, Run: p.Run, Published: p.From, Rows: p.Rows, Rejected: p.Rejected, Valid: p.Valid, Files: p.Files}, nil
}

func (s *Server) nothingOnline(day time.Time, periods []catalog.Period, at int) error {
	message := "Rien n’était en ligne le " + date(day) + "."
	if at < 0 && len(periods) > 0 {
		first := periods[len(periods)-1]
		message = "Rien n’était en ligne le " + date(day) + " : la première version a paru le " + s.dayText(first.From) + "."
	}
	return &httpError{status: http.StatusNotFound, code: "nothing_online", message: message}
}

// versionForgotten names the kept versions around the one that is not.
func (s *Server) versionForgotten(day time.Time, periods []catalog.Period, at int) error {
	named := func(p catalog.Period) string { return fmt.Sprintf("la version %d, du ", p.Version) + s.dayText(p.From) }
	kept := func(p catalog.Period) bool { return len(p.Files) > 0 }
	message := fmt.Sprintf("La version en ligne le %s (version %d) n’est plus conservée. ", date(day), periods[at].Version)
	var around []string
	if i := slices.IndexFunc(periods[at:], kept); i >= 0 {
		around = append(around, named(periods[at+i]))
	}
	for i := at - 1; i >= 0; i-- {
		if kept(periods[i]) {
			around = append(around, named(periods[i]))
			break
		}
	}
	switch {
	case len(around) == 2:
		message += "Les plus proches qui le sont : " + around[0] + ", et " + around[1] + "."
	case len(around) == 1 && slices.IndexFunc(periods[at:], kept) < 0:
		message += "La plus ancienne qui le soit est " + around[0] + "."
	case len(around) == 1:
		message += "La plus récente qui le soit est " + around[0] + "."
	}
	return &httpError{status: http.StatusGone, code: "version_gone", title: "Version retirée", message: strings.TrimSpace(message)}
}

// mementoHeaders say which version an answer is of, and since when it was online (RFC 7089).
func mementoHeaders(h http.Header, then catalog.Dataset) {
	h.Set("Grenier-Version", strconv.Itoa(then.Version))
	h.Set("Memento-Datetime", then.Modified.UTC().Format(http.TimeFormat))
}

// fileAsOf answers with a file as it was online at the end of a day.
func (s *Server) fileAsOf(w http.ResponseWriter, r *http.Request) error {
	id, err := identity(parameter(r, "id"))
	if err != nil {
		return err
	}
	d, err := s.Store.FileOwner(r.Context(), id)
	if err != nil {
		return fmt.Errorf("read owner of file %s: %w", id, err)
	}
	if d.Status == catalog.DatasetWithdrawn {
		return s.withdrawn(r.Context(), d)
	}
	then, err := s.versionOn(r.Context(), d, r.URL.Query().Get("le"))
	if err != nil {
		return err
	}
	at := slices.IndexFunc(then.Files, func(f catalog.File) bool { return f.ID == id })
	if at < 0 {
		return problem(http.StatusNotFound, fmt.Sprintf("La version %d, en ligne ce jour-là, n’avait pas de fichier dans ce format.", then.Number))
	}
	d.Version, d.Modified = then.Number, then.Published
	mementoHeaders(w.Header(), d)
	w.Header().Add("Link", "<"+s.BaseURL+pastPath(then.Files[at], then.Number)+`>; rel="memento"`)
	return s.file(w, r, then.Number, cacheNewest)
}

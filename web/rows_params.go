package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"grenier/catalog"
	"grenier/publish"
)

const (
	rowsPage     = 20
	maxRowsPage  = 200 // of a JSON answer
	maxFilters   = 50  // in one question
	maxRowsPages = 1_000_000_000
)

// A rowsQuestion is what the address of /lignes asks.
type rowsQuestion struct {
	publish.RowQuery
	page   int    // 0 when it was not said
	size   int    // 0 when it was not said
	format string // json, csv or ndjson; "" when it was not said

	edition *catalog.Dataset // as it was, when the address asks for a version or a day
}

// readRows reads the query of an address. The order of groupings and calculations is that in which they are written, which url.Values would lose.
func readRows(raw string) (rowsQuestion, error) {
	var q rowsQuestion
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err != nil {
			return q, problem(http.StatusBadRequest, "L’adresse est mal écrite : un caractère spécial n’est pas codé (exemple : %26 pour &).")
		}
		if err := q.read(name, value); err != nil {
			return q, err
		}
	}
	if len(q.Where)+len(q.GroupBy)+len(q.Aggregates) > maxFilters {
		return q, problem(http.StatusBadRequest, "Cette question a plus de "+strconv.Itoa(maxFilters)+" filtres. Utilisez « in » pour chercher plusieurs valeurs.")
	}
	if q.page > 1 && q.Cursor != "" {
		return q, problem(http.StatusBadRequest, "Donnez « page » ou « cursor », pas les deux.")
	}
	return q, nil
}

// read takes one parameter in.
func (q *rowsQuestion) read(name, value string) (err error) {
	switch name {
	case "version", "le": // asof.go reads them
	case "columns":
		if q.Columns == nil {
			q.Columns = []string{}
		}
		q.Columns = append(q.Columns, splitList(value)...)
	case "page":
		q.page, err = readCount(name, value, maxRowsPages)
	case "page_size":
		q.size, err = readCount(name, value, maxRowsPages)
	case "cursor":
		q.Cursor = value
	case "total":
		q.Total, err = readYes(name, value)
	case "format":
		if q.format = value; !slices.Contains(rowsFormats, value) {
			err = problem(http.StatusBadRequest, "Le format de réponse (format) est json, csv ou ndjson.")
		}
	case "count":
		q.Aggregates = append(q.Aggregates, publish.Aggregate{Func: publish.Count})
	default:
		err = q.readColumn(name, value)
	}
	return err
}

// readColumn reads column__operation=value.
func (q *rowsQuestion) readColumn(name, value string) error {
	at := strings.LastIndex(name, "__")
	if at <= 0 {
		return unknownParameter(name)
	}
	column, op := name[:at], name[at+2:]
	switch {
	case op == "sort":
		return q.readSort(column, value)
	case op == "groupby":
		q.GroupBy = append(q.GroupBy, column)
		return flagOnly(name, value)
	case slices.Contains(publish.Funcs(), publish.Func(op)):
		q.Aggregates = append(q.Aggregates, publish.Aggregate{Column: column, Func: publish.Func(op)})
		return flagOnly(name, value)
	case slices.Contains(publish.Ops(), publish.Op(op)):
		f := publish.Filter{Column: column, Op: publish.Op(op), Values: []string{value}}
		switch f.Op {
		case publish.IsNull, publish.IsNotNull:
			f.Values = nil
			if err := flagOnly(name, value); err != nil {
				return err
			}
		case publish.In, publish.NotIn:
			f.Values = splitList(value)
		}
		q.Where = append(q.Where, f)
		return nil
	}
	return unknownParameter(name)
}

func (q *rowsQuestion) readSort(column, value string) error {
	if q.Sort != "" {
		return problem(http.StatusBadRequest, "On trie par une seule colonne à la fois.")
	}
	if value != "asc" && value != "desc" {
		return problem(http.StatusBadRequest, "L’ordre du tri est asc (du plus petit au plus grand) ou desc.")
	}
	q.Sort, q.Descending = column, value == "desc"
	return nil
}

// flagOnly refuses a value where the name says all.
func flagOnly(name, value string) error {
	if yes, err := readYes(name, value); err != nil || !yes {
		return problem(http.StatusBadRequest, "Le paramètre « "+shown(name)+" » s’écrit sans valeur.")
	}
	return nil
}

// readYes reads a switch; a name alone turns it on.
func readYes(name, value string) (bool, error) {
	switch value {
	case "", "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	}
	return false, problem(http.StatusBadRequest, "Le paramètre « "+shown(name)+" » est true ou false.")
}

func readCount(name, value string, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		return 0, problem(http.StatusBadRequest, "Le paramètre « "+shown(name)+" » est un nombre entier à partir de 1.")
	}
	return n, nil
}

func unknownParameter(name string) error {
	var ops []string
	for _, o := range publish.Ops() {
		ops = append(ops, string(o))
	}
	for _, f := range publish.Funcs() {
		ops = append(ops, string(f))
	}
	return problem(http.StatusBadRequest, "Le paramètre « "+shown(name)+" » n’existe pas. Une question s’écrit colonne__filtre=valeur, où le filtre est : "+strings.Join(ops, ", ")+
		", groupby ou sort. Les autres paramètres sont : columns, page, page_size, cursor, total, count, format.")
}

// shown is a text of the reader's, short enough for a sentence.
func shown(text string) string {
	r := []rune(clean(text))
	if len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return string(r)
}

// splitList reads values between commas; one that holds a comma stands between double quotes, which are doubled inside.
func splitList(text string) (values []string) {
	for {
		if rest, ok := strings.CutPrefix(text, `"`); ok {
			if value, after, ok := quotedValue(rest); ok {
				values = append(values, value)
				if after == "" {
					return values
				}
				text = after[1:]
				continue
			}
		}
		value, rest, more := strings.Cut(text, ",")
		values = append(values, value)
		if !more {
			return values
		}
		text = rest
	}
}

// quotedValue reads up to the closing quote, which ends the text or stands before a comma.
func quotedValue(text string) (value, rest string, ok bool) {
	for i := 0; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			i++
			continue
		}
		rest = text[i+1:]
		return strings.ReplaceAll(text[:i], `""`, `"`), rest, rest == "" || rest[0] == ','
	}
	return "", "", false
}

// asked turns what is wrong with a question into an answer.
func asked(err error) error {
	var q *publish.QueryError
	switch {
	case errors.Is(err, publish.ErrOtherFile):
		return &httpError{status: http.StatusConflict, code: "other_version", message: publish.ErrOtherFile.Message}
	case errors.As(err, &q):
		return problem(http.StatusBadRequest, q.Message)
	}
	return err
}

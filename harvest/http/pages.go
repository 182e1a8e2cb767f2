package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"strconv"
	"strings"

	"grenier/harvest"
)

// pageLimit bounds one page, which is held in memory to find the next one.
const pageLimit = 32 << 20

// A page is one answer of a paged API.
type page struct {
	url  *url.URL // without the configured query parameters
	body []byte
	from *download
}

// fetchPages hands over each page as a document. All pages are read anew unless the server confirms every single one.
func (s *source) fetchPages(ctx context.Context, k *keys, last memory, fn func(harvest.Document) error) (harvest.State, error) {
	if same, err := s.confirmed(ctx, k, last); err != nil || same {
		if err == nil {
			err = harvest.ErrUnchanged
		}
		return "", err
	}
	var next memory
	err := s.walk(ctx, k, func(p *page) error {
		doc := p.from.document(k.name(p.url))
		doc.Body = bytes.NewReader(p.body)
		r := p.from.remember(doc.Name)
		if k.clean(p.url) {
			r.URL = p.url.String()
		}
		next.Files = append(next.Files, r)
		return fn(doc)
	})
	if err != nil {
		return "", err
	}
	return next.state(), nil
}

// clean tells whether u can be remembered: nothing in it is secret.
func (k *keys) clean(u *url.URL) bool {
	for _, p := range queryParts(u) {
		if k.hides(paramName(p)) {
			return false
		}
	}
	return true
}

// confirmed asks for every remembered page with its ETag, and for the end of the list; one that changed ends the search.
func (s *source) confirmed(ctx context.Context, k *keys, last memory) (bool, error) {
	if len(last.Files) == 0 {
		return false, nil
	}
	for i, f := range last.Files {
		numbered := i == 0 || s.conf.Pages.Param != ""
		if f.ETag == "" || f.URL == "" || numbered && f.URL != s.pageURL(i).String() {
			return false, nil
		}
	}
	for _, f := range last.Files {
		u, err := s.urls[0].Parse(f.URL)
		if err != nil || !sameOrigin(u, s.urls[0]) {
			return false, nil
		}
		d, err := s.get(ctx, k, u, remembered{ETag: f.ETag})
		if err != nil {
			return false, err
		}
		d.Close()
		if !d.same {
			return false, nil
		}
	}
	if s.conf.Pages.Next != "" {
		return true, nil // the last page, unchanged, names no next one
	}
	p, err := s.readPage(ctx, k, s.pageURL(len(last.Files)))
	if err != nil {
		return isEnd(err), dropEnd(err)
	}
	n, err := s.conf.Pages.count(p.body)
	return n == 0 && err == nil, err
}

// isEnd recognises the answer of an API past its last page.
func isEnd(err error) bool {
	var status *harvest.StatusError
	return errors.As(err, &status) && status.Code == nethttp.StatusNotFound
}

func dropEnd(err error) error {
	if isEnd(err) {
		return nil
	}
	return err
}

// walk calls fn for each page, from the first to the last.
func (s *source) walk(ctx context.Context, k *keys, fn func(*page) error) error {
	conf := s.conf.Pages
	most := conf.Max
	if most == 0 {
		most = usualMax
	}
	u := s.pageURL(0)
	seen := map[string]bool{}
	var before *page
	for n := 0; u != nil; n++ {
		switch {
		case n == most:
			return pagesFault("l’API rend plus de "+strconv.Itoa(most)+" pages", "Augmentez pages.max si c’est normal.")
		case seen[u.String()]:
			return pagesFault("l’API renvoie à une page déjà lue", "Vérifiez pages.next.")
		}
		seen[u.String()] = true
		p, err := s.readPage(ctx, k, u)
		if n > 0 && conf.Param != "" && isEnd(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if end, err := s.isLast(before, p); end || err != nil {
			return err
		}
		if err := fn(p); err != nil {
			return err
		}
		if u, err = s.after(p, n); err != nil {
			return err
		}
		before = p
	}
	return nil
}

// isLast tells whether p, read by number after the page before, is the empty one that ends the list.
func (s *source) isLast(before, p *page) (bool, error) {
	conf := s.conf.Pages
	if conf.Param == "" || before == nil {
		return false, nil
	}
	n, err := conf.count(p.body)
	if err != nil || n == 0 {
		return n == 0 && err == nil, err
	}
	if bytes.Equal(before.body, p.body) {
		return false, pagesFault("l’API rend deux fois la même page", "Vérifiez pages.param\u00a0: l’API ne semble pas en tenir compte.")
	}
	if was, err := conf.count(before.body); err == nil && was < conf.Step {
		return false, pagesFault("l’API rend moins d’enregistrements par page que pages.step, il en manquerait", "Réduisez pages.size et pages.step.")
	}
	return false, nil
}

// pageURL is the address of page n, counted from 0, of an API with numbers; of the first page otherwise.
func (s *source) pageURL(n int) *url.URL {
	conf, u := s.conf.Pages, s.urls[0]
	if conf.SizeParam != "" {
		u = withParam(u, conf.SizeParam, strconv.Itoa(conf.Size))
	}
	if conf.Param == "" {
		return u
	}
	start, step := 1, 1
	if conf.Step > 0 {
		start, step = 0, conf.Step
	}
	if conf.Start != nil {
		start = *conf.Start
	}
	return withParam(u, conf.Param, strconv.Itoa(start+n*step))
}

// after is the address of the page that follows p, the n-th; nil after the last one.
func (s *source) after(p *page, n int) (*url.URL, error) {
	conf := s.conf.Pages
	if conf.Param != "" {
		return s.pageURL(n + 1), nil
	}
	text, err := member(p.body, conf.Next)
	if err != nil || text == "" {
		return nil, err
	}
	u, err := p.url.Parse(text)
	if err != nil || u.User != nil {
		return nil, pagesFault("l’adresse de la page suivante est illisible", "Vérifiez pages.next.")
	}
	u.Fragment = ""
	if base := s.urls[0]; base.Scheme == "https" && u.Scheme == "http" && u.Host == base.Host && u.Port() == "" {
		u.Scheme = "https" // an API behind a TLS proxy does not know its own address
	}
	if !sameOrigin(u, s.urls[0]) {
		return nil, pagesFault("la page suivante est sur un autre serveur", "Vérifiez pages.next, et que l’API connaît sa propre adresse.")
	}
	return u, nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

func (s *source) readPage(ctx context.Context, k *keys, u *url.URL) (*page, error) {
	d, err := s.get(ctx, k, u, remembered{})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	body, err := io.ReadAll(io.LimitReader(d, pageLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read page %s: %w", k.name(u), err)
	}
	if len(body) > pageLimit {
		return nil, pagesFault("une page dépasse 32 Mo", "Demandez moins d’enregistrements par page avec pages.size.")
	}
	return &page{url: u, body: body, from: d}, nil
}

// pagesFault is an API that does not page as its configuration says.
func pagesFault(what, todo string) error {
	return harvest.Permanent(harvest.Say("La lecture page par page s’est arrêtée\u00a0: "+what+". La dernière version reste en ligne. "+todo, fmt.Errorf("paged answer: %s", what)))
}

// count is the number of records of a page: elements of its JSON array, or lines of text after the header.
func (p *Pages) count(body []byte) (int, error) {
	if !isJSON(body) {
		lines := 0
		for line := range bytes.Lines(body) {
			if len(bytes.TrimSpace(line)) > 0 {
				lines++
			}
		}
		return max(lines-1, 0), nil
	}
	value, err := at(body, p.Records)
	if err != nil {
		return 0, err
	}
	if p.Records == "" && kindOf(value) == '{' {
		value = onlyArray(value)
	}
	if kindOf(value) == 'n' && p.Records != "" {
		return 0, nil // null: no records
	}
	var list []json.RawMessage
	if kindOf(value) != '[' || json.Unmarshal(value, &list) != nil {
		return 0, pagesFault("la réponse n’a pas de tableau d’enregistrements reconnaissable", "Indiquez-le dans pages.records.")
	}
	return len(list), nil
}

// onlyArray is the one member of an object that is an array, nil when there are several or none.
func onlyArray(object json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return nil
	}
	var found json.RawMessage
	for _, m := range members {
		if kindOf(m) != '[' {
			continue
		}
		if found != nil {
			return nil
		}
		found = m
	}
	return found
}

// member is the text at a dotted path, "" when the path leads to nothing or null.
func member(body []byte, path string) (string, error) {
	value, err := at(body, path)
	if err != nil || value == nil || kindOf(value) == 'n' {
		return "", err
	}
	var text string
	if json.Unmarshal(value, &text) != nil {
		return "", pagesFault("«\u00a0"+path+"\u00a0» n’est pas une adresse", "Vérifiez pages.next.")
	}
	return text, nil
}

// at is the JSON value at a dotted path, in which a number is a rank in an array from 0; nil when the path leads to nothing.
func at(body []byte, path string) (json.RawMessage, error) {
	value := json.RawMessage(bytes.TrimPrefix(body, []byte("\ufeff")))
	if !json.Valid(value) {
		return nil, pagesFault("une page n’est pas du JSON lisible", "Vérifiez l’adresse et les droits de la source.")
	}
	if path == "" {
		return value, nil
	}
	for step := range strings.SplitSeq(path, ".") {
		switch kindOf(value) {
		case '{':
			var members map[string]json.RawMessage
			if err := json.Unmarshal(value, &members); err != nil {
				return nil, fmt.Errorf("read page: %w", err)
			}
			value = members[step]
		case '[':
			var list []json.RawMessage
			if err := json.Unmarshal(value, &list); err != nil {
				return nil, fmt.Errorf("read page: %w", err)
			}
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(list) {
				return nil, nil
			}
			value = list[i]
		default:
			return nil, nil
		}
	}
	return value, nil
}

// kindOf is the first character of a JSON value, 0 when there is none.
func kindOf(value []byte) byte {
	value = bytes.TrimLeft(value, " \t\r\n")
	if len(value) == 0 {
		return 0
	}
	return value[0]
}

func isJSON(body []byte) bool {
	k := kindOf(bytes.TrimPrefix(body, []byte("\ufeff")))
	return k == '{' || k == '['
}

package http

import (
	"encoding/base64"
	"errors"
	"maps"
	nethttp "net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"grenier/harvest"
)

// keys are what a Fetch adds to its requests, secrets resolved.
type keys struct {
	header nethttp.Header
	query  []pair
}

type pair struct {
	name, value string
	secret      bool
}

// keys resolves the secrets, at each Fetch so that a renewed one is used at once.
func (s *source) keys() (*keys, error) {
	k := &keys{header: nethttp.Header{}}
	for _, name := range sortedKeys(s.conf.Headers) {
		v, err := s.secret(s.conf.Headers[name])
		if err != nil {
			return nil, err
		}
		k.header.Set(name, v)
	}
	for _, name := range sortedKeys(s.conf.Query) {
		v, err := s.secret(s.conf.Query[name])
		if err != nil {
			return nil, err
		}
		k.query = append(k.query, pair{name, v, isSecretRef(s.conf.Query[name])})
	}
	if s.conf.User == "" {
		return k, nil
	}
	password, err := s.secret(s.conf.Password)
	if err != nil {
		return nil, err
	}
	k.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(s.conf.User+":"+password)))
	return k, nil
}

// secret resolves a reference; any other text stands for itself.
func (s *source) secret(v string) (string, error) {
	if !isSecretRef(v) {
		return v, nil
	}
	if s.env.Secret == nil {
		return "", errors.New("http connector without secrets")
	}
	value, err := s.env.Secret(v)
	if err != nil {
		return "", harvest.Say("Le secret «\u00a0"+v+"\u00a0» de la source n’a pas pu être lu. La dernière version reste en ligne. L’administrateur de la plateforme doit le définir ou en rétablir l’accès.", err)
	}
	return strings.TrimRight(value, "\r\n"), nil
}

// sign adds the configured query parameters to u, in place of those of the same name.
func (k *keys) sign(u *url.URL) *url.URL {
	for _, p := range k.query {
		u = withParam(u, p.name, p.value)
	}
	return u
}

// withParam sets one query parameter and leaves the others as they are written.
func withParam(u *url.URL, name, value string) *url.URL {
	parts := queryParts(u)
	parts = slices.DeleteFunc(parts, func(p string) bool { return paramName(p) == name })
	parts = append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value))
	v := *u
	v.RawQuery = strings.Join(parts, "&")
	return &v
}

func queryParts(u *url.URL) []string {
	if u.RawQuery == "" {
		return nil
	}
	return strings.Split(u.RawQuery, "&")
}

func paramName(part string) string {
	name, _, _ := strings.Cut(part, "=")
	if plain, err := url.QueryUnescape(name); err == nil {
		return plain
	}
	return name
}

// name is u for people and for the record: without the values of parameters that are, or look, secret.
func (k *keys) name(u *url.URL) string {
	v := *k.sign(u)
	v.User, v.Fragment = nil, ""
	parts := queryParts(&v)
	for i, p := range parts {
		if k.hides(paramName(p)) {
			name, _, _ := strings.Cut(p, "=")
			parts[i] = name + "=•••"
		}
	}
	v.RawQuery = strings.Join(parts, "&")
	return v.String()
}

func (k *keys) hides(param string) bool {
	if slices.ContainsFunc(k.query, func(p pair) bool { return p.name == param && p.secret }) {
		return true
	}
	return looksSecret(param)
}

// looksSecret recognises the usual names of keys, tokens and signatures.
func looksSecret(param string) bool {
	param = strings.ToLower(param)
	switch param {
	case "key", "sig", "pwd", "pass", "jwt", "sid", "session":
		return true
	}
	for _, word := range []string{"token", "secret", "passw", "signature", "credential", "apikey", "api_key", "api-key", "auth", "access_key", "accesskey", "session"} {
		if strings.Contains(param, word) {
			return true
		}
	}
	return false
}

// namesOf names each address; two that differ only by a secret are told apart by their rank.
func namesOf(urls []*url.URL, k *keys) []string {
	names := make([]string, len(urls))
	seen := map[string]int{}
	for i, u := range urls {
		names[i] = k.name(u)
		seen[names[i]]++
		if n := seen[names[i]]; n > 1 {
			names[i] += "#" + strconv.Itoa(n)
		}
	}
	return names
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

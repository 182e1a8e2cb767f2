package http

import (
	"fmt"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"

	"grenier/harvest"
)

// ours are the headers that the connector and the client write themselves.
var ours = []string{"Accept-Encoding", "Connection", "Content-Length", "Host", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "Range", "Transfer-Encoding"}

// check reads the addresses and finds every fault of the configuration, in French.
func (s *source) check() (faults harvest.FaultList) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	c := s.conf
	list := c.URLs
	switch {
	case (c.URL == "") == (len(c.URLs) == 0):
		fault("indiquez url, ou urls, mais pas les deux")
		return faults
	case c.URL != "":
		list = []string{c.URL}
	}
	for i, text := range list {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
			fault("adresse %d\u00a0: ce n’est pas une adresse complète qui commence par https:// ou http://", i+1) // not quoted: it may hold a secret
		case u.User != nil:
			fault("adresse %d\u00a0: l’identifiant et le mot de passe vont dans user et password, pas dans l’adresse", i+1)
		default:
			u.Fragment = ""
			s.urls = append(s.urls, u)
		}
	}
	for _, name := range sortedKeys(c.Headers) {
		if strings.TrimSpace(name) == "" || slices.Contains(ours, nethttp.CanonicalHeaderKey(name)) {
			fault("headers.%s\u00a0: cet en-tête est réservé à Grenier", name)
		}
	}
	if c.Password != "" && !isSecretRef(c.Password) {
		fault("password\u00a0: désignez le mot de passe par « env:… » ou « file:… », ne l’écrivez pas ici")
	}
	if c.Password != "" && c.User == "" {
		fault("password\u00a0: indiquez aussi user")
	}
	if c.Timeout < 0 {
		fault("timeout\u00a0: la durée est négative")
	}
	if c.Pages != nil {
		faults = append(faults, c.Pages.check(len(list))...)
	}
	return faults
}

func (p *Pages) check(urls int) (faults harvest.FaultList) {
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{urls > 1, "pages\u00a0: une seule adresse peut être lue page par page"},
		{(p.Next == "") == (p.Param == ""), "pages\u00a0: indiquez next, ou param, mais pas les deux"},
		{p.Next != "" && (p.Start != nil || p.Step != 0), "pages\u00a0: start et step vont avec param, pas avec next"},
		{(p.SizeParam == "") != (p.Size == 0), "pages\u00a0: size et size_param vont ensemble"},
		{p.Size < 0 || p.Step < 0 || p.Max < 0, "pages\u00a0: size, step et max sont positifs"},
	} {
		if c.wrong {
			faults = append(faults, c.text)
		}
	}
	return faults
}

func isSecretRef(v string) bool { return strings.HasPrefix(v, "env:") || strings.HasPrefix(v, "file:") }

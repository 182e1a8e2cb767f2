package rehearsal

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// isWeb tells an address that data.gouv.fr takes for one: http or https, a host, and no character that an address may not hold.
func isWeb(v string) bool {
	if strings.ContainsFunc(v, illegal) {
		return false
	}
	u, err := url.Parse(v)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// internalHost tells an address that only a local network can reach, with its host.
func internalHost(address string) (host string, internal bool) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return "", false
	}
	host = strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return host, ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
	}
	for _, tail := range []string{".local", ".localhost", ".internal", ".lan", ".home.arpa"} {
		if strings.HasSuffix(host, tail) {
			return host, true
		}
	}
	return host, !strings.Contains(host, ".")
}

var (
	uuidInURL = regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	dateInURL = regexp.MustCompile(`(^|[^0-9])(19|20)[0-9]{2}[-_./]?(0[1-9]|1[0-2])[-_./]?(0[1-9]|[12][0-9]|3[01])([^0-9]|$)`)
	hashInURL = regexp.MustCompile(`(?i)(^|[^0-9a-f])[0-9a-f]{32,}([^0-9a-f]|$)`)
	pastInURL = regexp.MustCompile(`/v/[0-9]+/`)
)

// moving says what in an address will change, "" when nothing shows. A year alone is a file of its own, and so is a UUID.
func moving(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	for name := range u.Query() {
		switch name = strings.ToLower(name); {
		case strings.Contains(name, "token"), strings.Contains(name, "signature"), strings.HasPrefix(name, "x-amz-"), name == "sig", name == "expires":
			return "un jeton d’accès"
		}
	}
	rest := uuidInURL.ReplaceAllString(u.Path+"?"+u.RawQuery, "/")
	switch {
	case dateInURL.MatchString(rest):
		return "une date"
	case hashInURL.MatchString(rest):
		return "une empreinte"
	case pastInURL.MatchString(rest):
		return "un numéro de version"
	}
	return ""
}

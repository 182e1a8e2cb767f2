package harvest

import (
	"cmp"
	"net/url"
	"path"
	"strings"
)

// sourceName is how a public file names the document that a row came from: the end of its path, without what an address may carry besides.
func sourceName(name string) string {
	if u, err := url.Parse(name); err == nil && u.Scheme != "" && u.Host != "" {
		name = cmp.Or(strings.Trim(u.Path, "/"), u.Host)
	}
	name, _, _ = strings.Cut(name, "?")
	return path.Base(strings.ReplaceAll(name, `\`, "/"))
}

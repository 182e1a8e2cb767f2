package web

import (
	"net/url"
	"slices"
	"strings"
)

// A param is one parameter of an address.
type param struct{ Name, Value string }

// params are the parameters of an address in the order in which they are written, which says the order of groupings.
type params []param

// readParams reads a query; what is badly written is left out: readRows tells it.
func readParams(raw string) (out params) {
	for part := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		if err == nil && name != "" {
			out = append(out, param{name, value})
		}
	}
	return out
}

func (p params) encode() string {
	var b strings.Builder
	for i, one := range p {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(one.Name))
		if one.Value != "" {
			b.WriteString("=" + url.QueryEscape(one.Value))
		}
	}
	return b.String()
}

// without drops parameters by name.
func (p params) without(names ...string) params {
	return slices.DeleteFunc(slices.Clone(p), func(one param) bool { return slices.Contains(names, one.Name) })
}

// but drops the parameter at a place.
func (p params) but(i int) params { return slices.Delete(slices.Clone(p), i, i+1) }

// with adds parameters at the end.
func (p params) with(more ...param) params { return append(slices.Clip(p), more...) }

// sorted drops what says an order.
func (p params) unsorted() params {
	return slices.DeleteFunc(slices.Clone(p), func(one param) bool { return strings.HasSuffix(one.Name, "__sort") })
}

// address is a path with these parameters.
func (p params) address(path string) string {
	if len(p) == 0 {
		return path
	}
	return path + "?" + p.encode()
}

func (p params) value(name string) string {
	for _, one := range p {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

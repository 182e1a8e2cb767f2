package http

import (
	nethttp "net/http"
	"time"

	"grenier/harvest"
)

// A memory is the connector's State: what the servers called the versions that were published.
type memory struct{ Files []remembered }

type remembered struct {
	Name         string `json:"name"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"modified,omitempty"`
	URL          string `json:"url,omitempty"` // of a page, where it holds no secret
}

const memoryVersion = 1

// recall reads a State; one that it cannot read is no memory at all.
func recall(s harvest.State) memory {
	return memory{harvest.Recall[[]remembered](memoryVersion, s)}
}

func (m memory) state() harvest.State { return harvest.Remember(memoryVersion, m.Files) }

// named returns what is known under a name, no validators when nothing is.
func (m memory) named(name string) remembered {
	for _, f := range m.Files {
		if f.Name == name {
			return f
		}
	}
	return remembered{Name: name}
}

// has tells whether m is about exactly these documents.
func (m memory) has(names []string) bool {
	if len(m.Files) != len(names) {
		return false
	}
	for i, f := range m.Files {
		if f.Name != names[i] {
			return false
		}
	}
	return true
}

func (f remembered) modified() time.Time {
	t, err := nethttp.ParseTime(f.LastModified)
	if err != nil {
		return time.Time{}
	}
	return t
}

// ask makes req conditional.
func (f remembered) ask(req *nethttp.Request) {
	if f.ETag != "" {
		req.Header.Set("If-None-Match", f.ETag)
	}
	if f.LastModified != "" {
		req.Header.Set("If-Modified-Since", f.LastModified)
	}
}

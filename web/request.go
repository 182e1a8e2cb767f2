package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gorilla/mux"
)

// parameter is a part of the path named by the route.
func parameter(r *http.Request, name string) string { return mux.Vars(r)[name] }

// redirect sends the reader to another path of ours, query dropped. It stays relative: behind a proxy the host may have another name.
func redirect(w http.ResponseWriter, r *http.Request, to string, status int) error {
	w.Header().Set("Cache-Control", "no-cache")
	http.Redirect(w, r, to, status)
	return nil
}

// prefers tells which of the offered media types the reader wants most; the first offer wins when the reader has no opinion.
func prefers(accept string, offers ...string) string {
	best, bestQ := offers[0], -1.0
	for _, offer := range offers {
		if q := acceptance(accept, offer); q > bestQ {
			best, bestQ = offer, q
		}
	}
	return best
}

// acceptance is the weight of a media type in an Accept header: the most precise range that covers it speaks (RFC 9110, 12.5.1).
func acceptance(accept, offer string) float64 {
	if strings.TrimSpace(accept) == "" {
		return 1
	}
	weight, precision := 0.0, -1
	for _, part := range strings.Split(accept, ",") {
		fields := strings.Split(part, ";")
		p := covers(strings.ToLower(strings.TrimSpace(fields[0])), offer)
		if p <= precision {
			continue
		}
		weight, precision = 1, p
		for _, f := range fields[1:] {
			if v, ok := strings.CutPrefix(strings.TrimSpace(f), "q="); ok {
				if q, err := strconv.ParseFloat(v, 64); err == nil {
					weight = q
				}
			}
		}
	}
	return weight
}

// covers tells how precisely a media range names an offer: 2 exactly, 1 by its type, 0 as anything, -1 not at all.
func covers(pattern, offer string) int {
	kind, _, _ := strings.Cut(offer, "/")
	switch pattern {
	case offer:
		return 2
	case kind + "/*":
		return 1
	case "*/*":
		return 0
	}
	return -1
}

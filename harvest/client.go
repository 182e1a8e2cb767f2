package harvest

import (
	"net/http"
	"net/netip"
	"time"
)

// ClientConfig says what the program's one HTTP client may do (SECURITY.md S-01 to S-10, H-01, H-08).
type ClientConfig struct {
	Allow     []string            // "10.20.3.4:443", "10.0.0.0/8:443", "127.0.0.1:8811": refused ranges that are allowed after all
	Deny      []netip.AddrPort    // the instance's own listening addresses: never, even when allowed
	UserAgent string              // "Grenier/1.0 (+https://opendata.example.fr)"
	MaxBytes  int64               // a document, 100 MB by default
	Hosts     map[string]HostRule // by "host" or "host:port"; "*" is the default rule
	CAFiles   []string
}

// A HostRule bounds what one remote host is asked at once.
type HostRule struct {
	Parallel int           // requests under way; 1 by default
	Every    time.Duration // between the starts of two requests; 1 s by default, negative for none
}

// A Client is the only way out to the network: a guarded dialer, limits on size, time and rate, redirects re-checked.
// It is safe for concurrent use.
type Client struct{}

// NewClient checks the configuration.
func NewClient(c ClientConfig) (*Client, error) { panic("not written yet") }

// Do sends a request. The response body enforces the size limit, the minimum rate and the declared length: a body that stops
// short is io.ErrUnexpectedEOF, never a short success. Retries: see Fetch helpers in the connectors; Do itself retries nothing.
// Waiting for the host's turn ends with the request's context. Errors carry a French Sentence that says kind and status only.
func (c *Client) Do(req *http.Request) (*http.Response, error) { panic("not written yet") }

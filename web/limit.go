package web

import (
	"context"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// maxClients is how many clients of each generation are remembered; the oldest are forgotten first, all at once.
const maxClients = 4096

// A pace lets each client knock so many times a minute, a few of them at once. It remembers a bounded number of clients: the recent ones,
// and those of the generation before.
type pace struct {
	perMinute float64
	burst     float64
	now       func() time.Time

	mu          sync.Mutex
	recent, old map[string]bucket
}

// A bucket holds what is left to a client, as it was at a moment.
type bucket struct {
	left float64
	at   time.Time
}

func newPace(perMinute, burst int, now func() time.Time) *pace {
	return &pace{perMinute: float64(perMinute), burst: float64(burst), now: now, recent: map[string]bucket{}}
}

// take lets the client in, or says after how many seconds it may come again.
func (p *pace) take(client string) (wait int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	b, recent := p.recent[client]
	if !recent {
		var known bool
		if b, known = p.old[client]; !known {
			b = bucket{p.burst, now}
		}
	}
	b.left = min(p.burst, b.left+now.Sub(b.at).Minutes()*p.perMinute)
	b.at = now
	if b.left < 1 {
		wait = max(1, int(math.Ceil((1-b.left)*60/p.perMinute)))
	} else {
		b.left--
	}
	if !recent && len(p.recent) >= maxClients {
		p.old, p.recent = p.recent, map[string]bucket{}
	}
	p.recent[client] = b
	return wait
}

// clientOf names who asks. A request that comes through a proxy of ours (a loopback or private peer) is that of the last public address in
// X-Forwarded-For: the one that our proxy saw. A /64 is one client in IPv6.
func clientOf(r *http.Request) string {
	peer := addressIn(r.RemoteAddr)
	if !isOurs(peer) {
		return clientName(peer)
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		if hop := addressIn(strings.TrimSpace(hops[i])); hop.IsValid() && !isOurs(hop) {
			return clientName(hop)
		}
	}
	return clientName(peer)
}

func addressIn(text string) netip.Addr {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

func isOurs(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() }

func clientName(a netip.Addr) string {
	if a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return a.String()
}

// A room lets a number of people in at once.
type room chan struct{}

// enter waits for a place, at most so long, and gives back the way out; false when there was none.
func (r room) enter(ctx context.Context, patience time.Duration) (leave func(), ok bool) {
	leave = func() { <-r }
	select {
	case r <- struct{}{}:
		return leave, true
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case r <- struct{}{}:
		return leave, true
	case <-ctx.Done():
		return nil, false
	}
}

package harvest

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// turns makes requests to one remote host wait for each other, first come first served, as its HostRule says.
type turns struct {
	rules map[string]HostRule
	mu    sync.Mutex
	hosts map[string]*turn
}

// A turn is what is known of one host. It is forgotten when nobody uses it and nothing more need be waited for.
type turn struct {
	slots chan struct{} // one token for each request under way; waiting senders are served in order
	every time.Duration
	users int       // requests under way or waiting
	next  time.Time // earliest start of the next request
}

const (
	usualParallel = 1
	usualEvery    = time.Second
	sweepAt       = 256 // hosts kept before the forgotten ones are looked for
)

func newTurns(rules map[string]HostRule) *turns {
	t := &turns{rules: make(map[string]HostRule, len(rules)), hosts: map[string]*turn{}}
	for name, r := range rules {
		t.rules[strings.ToLower(name)] = r
	}
	return t
}

// rule finds the rule of "host:port" and the key under which requests wait for each other.
func (t *turns) rule(hostport string) (string, HostRule) {
	hostport = strings.ToLower(hostport)
	if r, ok := t.rules[hostport]; ok {
		return hostport, r
	}
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.TrimSuffix(host, ".")
	if r, ok := t.rules[host]; ok {
		return host, r
	}
	return host, t.rules["*"]
}

// take waits for the turn of a request to hostport, or for ctx. done gives the place back; it may be called more than once.
func (t *turns) take(ctx context.Context, hostport string) (done func(), err error) {
	key, rule := t.rule(hostport)
	h := t.enter(key, rule)
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		t.leave(h)
		return nil, context.Cause(ctx)
	}
	done = sync.OnceFunc(func() { <-h.slots; t.leave(h) })
	if err := t.space(ctx, h); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

func (t *turns) enter(key string, rule HostRule) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, ok := t.hosts[key]
	if !ok {
		t.sweep()
		h = newTurn(rule)
		t.hosts[key] = h
	}
	h.users++
	return h
}

func newTurn(rule HostRule) *turn {
	if rule.Parallel <= 0 {
		rule.Parallel = usualParallel
	}
	if rule.Every == 0 {
		rule.Every = usualEvery
	}
	return &turn{slots: make(chan struct{}, rule.Parallel), every: max(rule.Every, 0)}
}

// space waits until the host's interval has passed since the start of the request before.
func (t *turns) space(ctx context.Context, h *turn) error {
	t.mu.Lock()
	now := time.Now()
	start := h.next
	if start.Before(now) {
		start = now
	}
	h.next = start.Add(h.every)
	t.mu.Unlock()
	return sleep(ctx, start.Sub(now))
}

// hold lets no request to hostport start before d has passed: the host asked for it.
func (t *turns) hold(hostport string, d time.Duration) {
	key, rule := t.rule(hostport)
	h := t.enter(key, rule)
	t.mu.Lock()
	if until := time.Now().Add(d); until.After(h.next) {
		h.next = until
	}
	t.mu.Unlock()
	t.leave(h)
}

func (t *turns) leave(h *turn) {
	t.mu.Lock()
	h.users--
	t.mu.Unlock()
}

// sweep forgets idle hosts; the caller holds the lock.
func (t *turns) sweep() {
	if len(t.hosts) < sweepAt {
		return
	}
	now := time.Now()
	for key, h := range t.hosts {
		if h.users == 0 && h.next.Before(now) {
			delete(t.hosts, key)
		}
	}
}

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A hoster is a Source that knows which remote hosts it will ask, as "host:port". The line then lets no more runs fetch from one host at once
// than its HostRule allows: one by default.
type hoster interface{ Hosts() []string }

// holdRun waits until a run may ask the given hosts, or for ctx. Hosts are taken in one order by everybody, so that no two runs wait for each other.
func (c *Client) holdRun(ctx context.Context, hosts []string) (done func(), err error) {
	keys := make([]string, 0, len(hosts))
	for _, h := range hosts {
		key, _ := c.runs.rule(h)
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var held []func()
	done = func() {
		for _, d := range held {
			d()
		}
	}
	for _, key := range slices.Compact(keys) {
		d, err := c.runs.take(ctx, key)
		if err != nil {
			done()
			return nil, err
		}
		held = append(held, d)
	}
	return done, nil
}

// withoutSpacing are the same rules for runs: how many at once, and no interval.
func withoutSpacing(rules map[string]HostRule) map[string]HostRule {
	all := map[string]HostRule{"*": {Every: -1}}
	for name, r := range rules {
		all[name] = HostRule{Parallel: r.Parallel, Every: -1}
	}
	return all
}

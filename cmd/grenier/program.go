package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/catalog/bleve"
	"grenier/catalog/meili"
	"grenier/catalog/store"
	"grenier/harvest"
	"grenier/harvest/connectors"
	"grenier/publish"
	"grenier/publish/s3"
	"grenier/schemas"

	"github.com/google/uuid"
)

// softMemory asks the collector to stay small: the program shares its machine, and its working set is a few blocks a run.
const softMemory = 256 << 20

// minFree is the room that drafts must leave on the disk, unless min_free says otherwise: below it nothing new is written, and what is online stays
// (SECURITY.md R-01 asks for 2 GB; a demonstration on a small disk must work too).
const minFree = 512 << 20

// A program is the parts of one running Grenier, put together.
type program struct {
	config    Config
	log       *slog.Logger
	store     *store.Store
	blobs     publish.BlobStore
	index     catalog.Index // nil when another process holds it
	schemas   *schemas.Set
	client    *harvest.Client
	namespace uuid.UUID
	location  *time.Location
	temp      string
	secret    func(string) (string, error)
	closers   []io.Closer
	faults    []func() error // of the parts that write: why one can write nothing more
}

// open reads the configuration and puts the parts together. close must be called.
func (t *terminal) open(ctx context.Context, cmd *commands) (*program, error) {
	c, err := loadConfig(cmd.Config, cmd.Data, t.env)
	if err != nil {
		return nil, err
	}
	return t.assemble(ctx, c)
}

// assemble builds the parts of a configuration.
func (t *terminal) assemble(ctx context.Context, c Config) (*program, error) {
	set, err := schemasOf(c)
	if err != nil {
		return nil, err
	}
	return t.assembleWith(ctx, c, set)
}

// assembleWith is assemble with the schemas given.
func (t *terminal) assembleWith(ctx context.Context, c Config, set *schemas.Set) (p *program, err error) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	p = &program{config: c, log: t.log, secret: t.secret, schemas: set}
	defer func(made *program) {
		if err != nil {
			made.close()
		}
	}(p)
	if p.location, err = time.LoadLocation(c.Timezone); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Data, 0o755); err != nil {
		return nil, fmt.Errorf("le dossier des données ne peut pas être créé : %w", err)
	}
	if err := p.openBlobs(ctx); err != nil {
		return nil, err
	}
	dsn, err := p.resolve(c.Database)
	if err != nil {
		return nil, err
	}
	if p.store, err = store.Open(ctx, dsn, p.log); err != nil {
		return nil, err
	}
	p.closers, p.faults = append(p.closers, p.store), append(p.faults, p.store.Failed)
	if p.namespace, err = p.store.Namespace(ctx); err != nil {
		return nil, err
	}
	return p, p.openClient(ctx, dsn)
}

// resolve reads a setting that may be a reference to a secret. "file:" is a reference only where it cannot be a place.
func (p *program) resolve(v string) (string, error) {
	if strings.HasPrefix(v, "env:") || strings.HasPrefix(v, "file:") {
		return p.secret(v)
	}
	return v, nil
}

func (p *program) openBlobs(ctx context.Context) error {
	if dir, ok := strings.CutPrefix(p.config.Blobs, "file:"); ok {
		d, err := publish.OpenDir(dir, publish.KeepFree(p.config.MinFree, 0), publish.SyncBy(func(f *os.File) error { return syncFile(f) }))
		if err != nil {
			return err
		}
		p.faults = append(p.faults, d.Failed)
		p.blobs, p.temp = publish.Assembling(d), d.Temp()
		return nil
	}
	p.temp = filepath.Join(p.config.Data, "tmp")
	if err := os.MkdirAll(p.temp, 0o755); err != nil {
		return err
	}
	s, err := s3.Open(ctx, p.config.Blobs, p.secret)
	if err != nil {
		return err
	}
	p.blobs = publish.Assembling(s)
	return nil
}

func (p *program) openClient(ctx context.Context, dsn string) (err error) {
	h := p.config.Harvest
	hosts := map[string]harvest.HostRule{}
	for name, rule := range h.Hosts {
		hosts[name] = harvest.HostRule{Parallel: rule.Parallel, Every: rule.Every}
	}
	p.client, err = harvest.NewClient(harvest.ClientConfig{
		Allow: h.Allow, Deny: p.ownAddresses(ctx, dsn), UserAgent: h.UserAgent, MaxBytes: h.MaxBytes, Hosts: hosts, CAFiles: h.CAFiles,
	})
	return err
}

// ownAddresses are where this instance and its database, search engine and file store listen: a source must never reach them, whatever is
// allowed (SECURITY.md S-03). A name that does not resolve now is left out: it cannot be reached either.
func (p *program) ownAddresses(ctx context.Context, dsn string) (own []netip.AddrPort) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for _, address := range append([]string{p.config.Addr, p.config.AdminAddr}, partners(dsn, p.config.Index, p.config.Blobs)...) {
		host, port, err := net.SplitHostPort(address)
		n, bad := strconv.ParseUint(port, 10, 16)
		if err != nil || bad != nil || n == 0 {
			continue
		}
		for _, ip := range listening(ctx, host) {
			own = append(own, netip.AddrPortFrom(ip, uint16(n)))
		}
	}
	return own
}

// partners are the "host:port" of the servers that the scale-out parts talk to.
func partners(dsn, index, blobs string) (list []string) {
	add := func(address, usual string) {
		u, err := url.Parse(address)
		if err != nil || u.Hostname() == "" {
			return
		}
		list = append(list, net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), usual)))
	}
	if strings.HasPrefix(dsn, "postgres") {
		add(dsn, "5432")
	}
	if address, ok := strings.CutPrefix(index, "meilisearch:"); ok {
		add(address, "7700")
	}
	if u, err := url.Parse(blobs); err == nil && u.Scheme == "s3" {
		add("s3://"+u.Query().Get("endpoint"), "443")
	}
	return list
}

// listening are the addresses that a listener on host answers at, as far as a source could reach them.
func listening(ctx context.Context, host string) (ips []netip.Addr) {
	switch host {
	case "", "0.0.0.0", "::":
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback(), netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	return ips
}

// openIndex opens the search index. errIndexBusy means that another process of this machine holds it and will follow by itself.
func (p *program) openIndex(ctx context.Context) (err error) {
	if dir, ok := strings.CutPrefix(p.config.Index, "bleve:"); ok {
		p.index, err = bleve.Open(dir)
	} else {
		p.index, err = meili.Open(ctx, strings.TrimPrefix(p.config.Index, "meilisearch:"), p.secret)
	}
	if err != nil {
		p.index = nil
		return err
	}
	p.closers = append([]io.Closer{p.index}, p.closers...)
	return nil
}

// catchUp brings the index up to date when nobody else does.
func (p *program) catchUp(ctx context.Context) error {
	if p.index == nil {
		if err := p.openIndex(ctx); errors.Is(err, catalog.ErrIndexBusy) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return p.healIndex(ctx)
}

// healIndex follows the events, then rebuilds an index that still does not hold what the catalogue holds: it was deleted, or its layout is new.
func (p *program) healIndex(ctx context.Context) error {
	if _, err := catalog.CatchUp(ctx, p.store, p.indexer()); err != nil {
		return err
	}
	page, err := p.index.Search(ctx, catalog.Query{Size: 1})
	if err != nil {
		return err
	}
	_, total, err := p.store.Datasets(ctx, catalog.DatasetQuery{Limit: 1})
	if err != nil || page.Total == total {
		return err
	}
	p.log.Warn("search index rebuilt", "indexed", page.Total, "datasets", total)
	_, err = p.indexer().Reindex(ctx)
	return err
}

func (p *program) indexer() catalog.Indexer { return catalog.Indexer{Store: p.store, Index: p.index} }

// runner is the line, ready to run.
func (p *program) runner() *harvest.Runner {
	return &harvest.Runner{
		Store: p.store, Blobs: p.blobs, Schemas: p.schemas, Connectors: connectors.All, Namespace: p.namespace,
		BaseURL: p.config.BaseURL, Dir: p.temp, Timeout: p.config.Harvest.Timeout, Log: p.log, Env: p.env(),
	}
}

func (p *program) env() harvest.Env {
	folders := make([]string, 0, len(p.config.Harvest.Folders))
	for _, f := range p.config.Harvest.Folders {
		if abs, err := filepath.Abs(f); err == nil {
			folders = append(folders, abs)
		}
	}
	return harvest.Env{HTTP: p.client, Folders: folders, Secret: p.secret, Log: p.log, Now: time.Now}
}

// close ends the parts, in order.
func (p *program) close() error {
	var errs []error
	for _, c := range p.closers {
		errs = append(errs, c.Close())
	}
	p.closers = nil
	return errors.Join(errs...)
}

// sentence is what a person is told of an error: its French sentence when it has one, the chain otherwise.
func sentence(err error) string {
	var s *harvest.Sentence
	if errors.As(err, &s) {
		return s.French
	}
	return err.Error()
}

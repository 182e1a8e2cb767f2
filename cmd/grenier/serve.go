package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"grenier/catalog"
	"grenier/harvest"
	"grenier/web"

	"golang.org/x/sys/unix"
)

type serveCommand struct {
	Addr  string   `placeholder:"ADRESSE" help:"Où le portail écoute (addr de la configuration)."`
	Roles []string `default:"web,worker,scheduler" enum:"web,worker,scheduler" help:"Rôles de ce processus : web, worker, scheduler."`
}

// Run serves until SIGTERM or Ctrl-C, then ends cleanly: the clock stops, runs end or are cancelled, pages and store close.
func (s *serveCommand) Run(ctx context.Context, t *terminal, cmd *commands) error {
	c, err := loadConfig(cmd.Config, cmd.Data, t.env)
	if err != nil {
		return err
	}
	if s.Addr != "" {
		if c.BaseURL == "http://"+c.Addr {
			c.BaseURL = "http://" + s.Addr
		}
		c.Addr = s.Addr
	}
	t.log = serveLog(t, c.Log)
	p, err := t.assemble(ctx, c)
	if err != nil {
		return err
	}
	defer p.close()
	return t.serve(ctx, p, s.Roles, nil)
}

func serveLog(t *terminal, c LogConfig) *slog.Logger {
	var level slog.Level
	level.UnmarshalText([]byte(c.Level))
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(t.err, o))
	}
	return slog.New(slog.NewTextHandler(t.err, o))
}

// stopTime is how long a clean end may take before what runs is cancelled (SECURITY.md R-09: 30 s in all).
const stopTime = 20 * time.Second

// serve runs the roles until ctx ends. ready, when it is not nil, is called with the portal's address once it answers.
func (t *terminal) serve(ctx context.Context, p *program, roles []string, ready func(addr string)) (err error) {
	unlock, err := lockData(p.config.Data)
	if err != nil {
		return err
	}
	defer unlock()
	if err := p.store.Check(ctx); err != nil { // a damaged database is not written to
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	live, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var follow sync.WaitGroup
	follow.Go(func() { p.watchDisk(live, end) })
	if p.index == nil { // the demonstration has opened it already
		if err := p.openIndex(live); err != nil {
			return fmt.Errorf("l’index de recherche ne s’ouvre pas : %w", err)
		}
	}
	if err := p.healIndex(live); err != nil {
		p.log.Warn("search index not up to date", "error", err)
	}
	follow.Go(func() { catalog.Follow(live, p.store, time.Second, p.log, p.indexer()) })
	follow.Go(func() { p.snapshots().Follow(live, snapshotEvery) })
	if slices.Contains(roles, "worker") {
		follow.Go(func() { catalog.Follow(live, p.store, seriesEvery, p.log, p.series()) })
	}
	if slices.Contains(roles, "scheduler") {
		follow.Go(func() { p.sweepDaily(live, sweepFirst, sweepEvery) })
	}
	defer follow.Wait()
	defer stop()
	queue, err := p.startQueue(live, roles)
	if err != nil {
		return err
	}
	if slices.Contains(roles, "web") {
		err = p.listen(ctx, ready)
	} else {
		p.log.Info("working", "roles", strings.Join(roles, ","))
		<-ctx.Done()
	}
	if queue != nil {
		late, cancel := context.WithTimeout(live, stopTime)
		defer cancel()
		err = errors.Join(err, queue.Stop(late))
	}
	p.log.Info("stopped")
	return errors.Join(p.fault(), err)
}

// When the scheduler sweeps: not while everything starts, then once a day.
const (
	sweepFirst = 10 * time.Minute
	sweepEvery = 24 * time.Hour
)

// sweepDaily forgets old runs and deletes forgotten files, until ctx ends. Several processes that do it are no harm.
func (p *program) sweepDaily(ctx context.Context, first, every time.Duration) {
	for wait := first; ; wait = every {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		began := time.Now()
		done, err := p.sweep(ctx, false)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.log.Warn("not all swept", "runs", done.Runs, "blobs", done.Blobs, "bytes", done.Bytes, "error", err)
			continue
		}
		p.log.Info("swept", "runs", done.Runs, "blobs", done.Blobs, "bytes", done.Bytes, "seconds", time.Since(began).Seconds())
	}
}

// sweep sweeps once, when the catalogue is sound: a damaged one may name less than it should.
func (p *program) sweep(ctx context.Context, dry bool) (harvest.SweepResult, error) {
	if err := p.store.Check(ctx); err != nil {
		return harvest.SweepResult{}, err
	}
	return harvest.Sweep(ctx, p.store, p.blobs, harvest.SweepOptions{Now: time.Now(), Runs: p.config.Harvest.KeepRuns, DryRun: dry})
}

// startQueue starts the workers and the clock, as the roles say; nil without either.
func (p *program) startQueue(ctx context.Context, roles []string) (*harvest.Queue, error) {
	workers, clock := 0, slices.Contains(roles, "scheduler")
	if slices.Contains(roles, "worker") {
		workers = p.config.Harvest.Workers
	}
	if workers == 0 && !clock {
		return nil, nil
	}
	q, err := harvest.NewQueue(ctx, harvest.QueueConfig{
		DB: p.store.Handle(), Runner: p.runner(), Workers: workers, Scheduler: clock, Location: p.location, Jitter: p.config.Harvest.Jitter,
	})
	if err != nil {
		return nil, err
	}
	return q, q.Start(ctx)
}

// lockData keeps a second embedded server off the same folder (SECURITY.md R-10). The scale-out parts need no lock: several processes are the point.
func lockData(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "serve.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("le dossier des données ne peut pas être verrouillé : %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("un autre « grenier serve » utilise déjà le dossier %s : arrêtez-le, ou donnez un autre dossier avec --data", dir)
	}
	return func() { f.Close() }, nil
}

// site is the portal of this program.
func (p *program) site(ctx context.Context) (*web.Server, error) {
	site, err := p.siteOf(p.config.Site)
	if err != nil {
		return nil, err
	}
	checks, err := p.visitorChecks(ctx)
	if err != nil {
		return nil, err
	}
	outlines, err := readOutlines(p.config.Territory.Outlines)
	if err != nil {
		return nil, err
	}
	return web.New(web.Config{
		Store: p.store, Index: p.index, Blobs: p.blobs, Schemas: p.schemas, Namespace: p.namespace, BaseURL: p.config.BaseURL,
		Site:       site,
		AdminApart: p.config.AdminAddr != "", DataDir: p.config.Data, MinFree: p.config.MinFree, Fault: p.fault, Signed: p.config.Downloads == "signed", Check: checks,
		Version: version(), Now: time.Now, Location: p.location, Log: p.log, Outlines: outlines, MapStyle: p.config.Map.Style,
	})
}

// listen answers HTTP until ctx ends, then lets requests under way end.
func (p *program) listen(ctx context.Context, ready func(addr string)) error {
	site, err := p.site(ctx)
	if err != nil {
		return err
	}
	servers := []*http.Server{server(p.config.Addr, site.Handler())}
	if p.config.AdminAddr != "" {
		servers = append(servers, server(p.config.AdminAddr, site.Admin()))
	}
	failed := make(chan error, len(servers))
	var wg sync.WaitGroup
	defer wg.Wait()
	followed, letGo := context.WithCancel(ctx)
	defer letGo()
	wg.Go(func() { site.Follow(followed, time.Second) })
	wg.Go(func() { catalog.Follow(followed, p.store, time.Second, p.log, site.Describe()) })
	for i, s := range servers {
		l, err := net.Listen("tcp", s.Addr)
		if err != nil {
			closeAll(servers[:i])
			return fmt.Errorf("l’adresse %s est déjà prise ou impossible : %w", s.Addr, err)
		}
		if i == 0 {
			p.log.Info("serving", "addr", l.Addr().String())
			if ready != nil {
				ready(l.Addr().String())
			}
		}
		wg.Go(func() { failed <- s.Serve(joiner{l}) })
	}
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime/2)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(late) != nil {
			s.Close()
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func closeAll(servers []*http.Server) {
	for _, s := range servers {
		s.Close()
	}
}

// server has the limits of SECURITY.md W-10. Downloads set their own write deadline.
func server(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
}

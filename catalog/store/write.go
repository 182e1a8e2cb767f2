package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
)

// A writer runs operations, each all or nothing. fn may be called again when another transaction was in its way.
type writer interface {
	do(ctx context.Context, d durability, fn func(context.Context, *tx) error) error
	close()
}

// durability says what an operation needs before its caller is answered. Transactions keep their order on disk, so a
// durable one makes all earlier ones durable.
type durability int

const (
	soft    durability = iota // survives the program's death at once, the machine's after syncWithin
	durable                   // is on disk
)

// A tx is the transaction that an operation runs in.
type tx struct {
	sql   *sql.Tx
	bun   *bun.DB             // builds the statements that are not hot; used with Conn(sql)
	bind  func(string) string // from ? to the engine's placeholders
	stmts *statements         // nil where the driver keeps prepared statements itself
	locks bool                // writers run side by side: rows must be locked
}

// exec runs a constant statement and returns how many rows it touched.
func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var res sql.Result
	var err error
	if st := t.prepared(ctx, query); st != nil {
		res, err = st.ExecContext(ctx, args...)
	} else {
		res, err = t.sql.ExecContext(ctx, t.bind(query), args...)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row runs a constant query for one row.
func (t *tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	if st := t.prepared(ctx, query); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return t.sql.QueryRowContext(ctx, t.bind(query), args...)
}

func (t *tx) prepared(ctx context.Context, query string) *sql.Stmt {
	if t.stmts == nil {
		return nil
	}
	return t.stmts.in(ctx, t.sql, query)
}

// lockSource makes the operations of one source wait for each other. Locks are taken in one order everywhere: source,
// slugs, counter of events.
func (t *tx) lockSource(ctx context.Context, id string) error {
	if !t.locks {
		return nil
	}
	_, err := t.exec(ctx, `SELECT id FROM sources WHERE id = ? FOR UPDATE`, id)
	return err
}

// statements are the prepared statements of the one connection that writes to SQLite. Only the writer's goroutine uses them.
type statements struct {
	db     *sql.DB
	ready  map[string]*sql.Stmt
	wanted []string
	bound  map[string]*sql.Stmt // in the transaction under way
}

// in returns the statement bound to the transaction, or nil when it is not prepared yet: it will be after this transaction,
// for preparing needs the connection.
func (s *statements) in(ctx context.Context, t *sql.Tx, query string) *sql.Stmt {
	if st := s.bound[query]; st != nil {
		return st
	}
	st := s.ready[query]
	if st == nil {
		s.wanted = append(s.wanted, query)
		return nil
	}
	s.bound[query] = t.StmtContext(ctx, st)
	return s.bound[query]
}

// prepare readies what the last transaction missed. A statement that cannot be prepared is run as text, which tells why.
func (s *statements) prepare(ctx context.Context) {
	for _, query := range s.wanted {
		if s.ready[query] != nil {
			continue
		}
		if st, err := s.db.PrepareContext(ctx, query); err == nil {
			s.ready[query] = st
		}
	}
	s.wanted = s.wanted[:0]
}

func (s *statements) close() {
	for _, st := range s.ready {
		st.Close()
	}
}

// syncWithin is how long a soft commit may wait for the disk.
const syncWithin = time.Second

// groupMax is how many operations share a commit at most.
const groupMax = 256

// errClosed answers operations that come after Close.
var errClosed = errors.New("store is closed")

// A groupWriter is the writer of SQLite: one goroutine that runs all waiting operations in one transaction, a savepoint each, so
// that they share the wait for the disk.
//
// When the disk does not confirm a commit, it takes no operation any more: see Store.Failed.
type groupWriter struct {
	name  string
	db    *sql.DB // one connection
	bun   *bun.DB // on db
	stmts *statements
	queue chan *operation
	ended chan struct{}

	mu     sync.RWMutex // held for reading while sending to queue
	closed bool

	failed atomic.Pointer[syncError]
}

type operation struct {
	ctx        context.Context
	durability durability
	fn         func(context.Context, *tx) error
	taken      atomic.Bool // by the writer, or by the caller who gave up
	done       chan error
}

func newGroupWriter(name string, db *sql.DB, b *bun.DB) *groupWriter {
	w := &groupWriter{
		name: name, db: db, bun: b,
		stmts: &statements{db: db, ready: map[string]*sql.Stmt{}, bound: map[string]*sql.Stmt{}},
		queue: make(chan *operation, groupMax),
		ended: make(chan struct{}),
	}
	go w.loop()
	return w
}

// do waits for its turn as long as ctx; once its transaction runs it waits for the end, so the answer is never in doubt.
func (w *groupWriter) do(ctx context.Context, d durability, fn func(context.Context, *tx) error) error {
	o := &operation{ctx: context.WithoutCancel(ctx), durability: d, fn: fn, done: make(chan error, 1)}
	if err := w.send(ctx, o); err != nil {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		if o.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-o.done
	}
}

func (w *groupWriter) send(ctx context.Context, o *operation) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	if err := errors.Join(ctx.Err(), w.fault()); err != nil {
		return err
	}
	select {
	case w.queue <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close runs what was accepted and ends the goroutine.
func (w *groupWriter) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	<-w.ended
}

func (w *groupWriter) loop() {
	defer close(w.ended)
	defer w.stmts.close()
	var late <-chan time.Time // when soft commits must reach the disk
	for {
		select {
		case first, ok := <-w.queue:
			if !ok {
				if late != nil {
					w.sync()
				}
				return
			}
			if w.answer(w.gather(first)) {
				late = nil
			} else if late == nil {
				late = time.After(syncWithin)
			}
		case <-late:
			if late = nil; !w.sync() {
				late = time.After(syncWithin)
			}
		}
	}
}

// answer runs a group and tells each caller; true when everything so far is on disk.
func (w *groupWriter) answer(group []*operation) bool {
	errs, err := w.run(group)
	for i, o := range group {
		if err != nil && errs[i] == nil {
			errs[i] = err
		}
		o.done <- w.judged(errs[i])
	}
	w.stmts.prepare(context.Background())
	return err == nil && needsDisk(group)
}

// sync is a durable operation for its own sake: its commit brings those before it to the disk. It changes something, for
// SQLite commits nothing where nothing changed.
func (w *groupWriter) sync() bool {
	count := func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, `UPDATE counters SET value = value + 1 WHERE name = 'syncs'`)
		return err
	}
	o := &operation{ctx: context.Background(), durability: durable, fn: count, done: make(chan error, 1)}
	return w.answer([]*operation{o}) && <-o.done == nil
}

// gather takes what waits besides first. Those whom the last commit answered are let run before: what they ask next comes
// along.
func (w *groupWriter) gather(first *operation) []*operation {
	runtime.Gosched()
	group := []*operation{first}
	for len(group) < groupMax {
		select {
		case o, ok := <-w.queue:
			if !ok {
				return group
			}
			group = append(group, o)
		default:
			return group
		}
	}
	return group
}

// run commits the group. The second result is what befell all of them.
func (w *groupWriter) run(group []*operation) ([]error, error) {
	errs := make([]error, len(group))
	if err := w.fault(); err != nil {
		return errs, err
	}
	ctx := context.Background()
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return errs, fmt.Errorf("reach the writer's connection: %w", err)
	}
	defer conn.Close()
	if !needsDisk(group) {
		// In WAL mode NORMAL only leaves out the wait for the disk at commit: the order of commits stays, and so does every
		// guarantee against the program's death.
		if _, err := conn.ExecContext(ctx, `PRAGMA synchronous = NORMAL`); err != nil {
			return errs, err
		}
		defer conn.ExecContext(ctx, `PRAGMA synchronous = FULL`)
	}
	begun, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return errs, fmt.Errorf("begin: %w", err)
	}
	defer clear(w.stmts.bound) // they end with the transaction
	t := &tx{sql: begun, bun: w.bun, bind: asIs, stmts: w.stmts}
	if err := runEach(ctx, t, group, errs); err != nil {
		return errs, errors.Join(err, begun.Rollback())
	}
	if err := begun.Commit(); err != nil {
		return errs, fmt.Errorf("commit: %w", err)
	}
	return errs, nil
}

func needsDisk(group []*operation) bool {
	for _, o := range group {
		if o.durability == durable {
			return true
		}
	}
	return false
}

// runEach runs the operations that nobody gave up, each in its savepoint. An error means that the whole transaction is lost.
func runEach(ctx context.Context, t *tx, group []*operation, errs []error) error {
	for i, o := range group {
		if !o.taken.CompareAndSwap(false, true) {
			continue
		}
		if _, err := t.exec(ctx, `SAVEPOINT operation`); err != nil {
			return err
		}
		if errs[i] = o.fn(o.ctx, t); errs[i] != nil {
			if _, err := t.exec(ctx, `ROLLBACK TO operation`); err != nil {
				return errors.Join(errs[i], err) // a full disk takes the whole transaction away, savepoints too
			}
		}
		if _, err := t.exec(ctx, `RELEASE operation`); err != nil {
			return err
		}
	}
	return nil
}

func asIs(query string) string { return query }

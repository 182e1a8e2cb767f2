package harvest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"
)

// processVersion changes whenever the line would make other files from the same bytes and recipe.
const processVersion = "1"

// A line is one run on its way. Its methods are called in the order of travel.
type line struct {
	*Runner
	ask    Ask
	source catalog.Source
	run    catalog.Run

	member  catalog.Member
	recipe  *Recipe
	last    *catalog.RunMark // the published run to compare with, nil when everything must be done anew
	docs    []delivered
	dataset catalog.Dataset
	draft   *publish.Draft
	judged  *judging
}

// delivered is one document at hand: its identity and its bytes.
type delivered struct {
	catalog.Raw
	file interface {
		io.ReaderAt
		io.Closer
	}
	temp string // path of a file to adopt, "" when the bytes are kept already
}

// travel is the line: fetch, keep, decode, map, check, gate, publish. It leaves the run's end in l.run; the error, with its stage, is why
// it stopped early.
func (l *line) travel(ctx context.Context) error {
	defer l.leave()
	if err := l.prepare(ctx); err != nil {
		return at(StageFetch, err)
	}
	switch err := l.fetch(ctx); {
	case errors.Is(err, ErrUnchanged):
		l.run.Status = catalog.Unchanged
		return nil
	case err != nil:
		return at(StageFetch, cause(ctx, err))
	}
	if l.sameAsLast() {
		l.run.Status = catalog.Unchanged
		return nil
	}
	if err := l.judge(ctx); err != nil {
		return at(StageCheck, cause(ctx, err))
	}
	if why := l.gate(); why != "" {
		l.run.Status, l.run.Stage, l.run.Message = catalog.Held, string(StageGate), why
		return at(StagePublish, l.keepQuarantine(ctx))
	}
	if l.ask.DryRun {
		l.run.Status = catalog.Published
		return nil
	}
	return at(StagePublish, cause(ctx, l.publish(ctx)))
}

// leave closes and removes what is temporary.
func (l *line) leave() {
	for _, d := range l.docs {
		if d.file != nil {
			d.file.Close()
		}
		if d.temp != "" {
			os.Remove(d.temp)
		}
	}
	if l.draft != nil {
		l.draft.Discard()
	}
}

// prepare reads what the run needs to know: member, recipe, what was published last.
func (l *line) prepare(ctx context.Context) (err error) {
	if l.member, err = l.Store.Member(ctx, l.source.Member); err != nil {
		return fmt.Errorf("read member %s: %w", l.source.Member, err)
	}
	if l.recipe, err = l.Runner.recipe(ctx, l.source.Recipe); err != nil {
		return err
	}
	if l.dataset, err = l.recipe.DatasetFor(l.member, l.source.Params); err != nil {
		return Permanent(err)
	}
	l.dataset.Key = cmp.Or(l.source.Key, l.dataset.Key)
	l.dataset.ID = catalog.DatasetID(l.Namespace, l.member.SIREN, l.dataset.Key)
	l.dataset.Source = l.source.ID
	l.dataset.Member = l.member
	l.run.Process = l.process()
	if p := l.source.Published; p != nil && p.Process == l.run.Process && !l.ask.Force {
		l.last = p
	}
	return nil
}

// process hashes all but the bytes that decides what a run publishes.
func (l *line) process() string {
	m := l.member
	m.Datasets = 0
	id := ""
	if s := l.recipe.Judge(); s != nil {
		id = string(s.ID)
	}
	b, _ := json.Marshal([]any{processVersion, schemas.RulesVersion, l.recipe.Hash(), id, l.source.Params, m, l.dataset.Key, l.BaseURL})
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:16])
}

// fetch brings every document to hand, then keeps the raw bytes. Nothing is decoded before all have arrived: stale is better than partial.
func (l *line) fetch(ctx context.Context) error {
	source, err := l.open()
	if err != nil {
		return err
	}
	var last State
	if l.last != nil {
		last = State(l.last.State)
	}
	state, err := source.Fetch(ctx, last, func(d Document) error { return l.receive(ctx, d) })
	if err != nil {
		return err
	}
	if len(l.docs) == 0 {
		return Say("La source n’a livré aucun fichier. La dernière version reste en ligne ; vérifiez l’export du logiciel.", errors.New("no document"))
	}
	l.run.State = string(state)
	return l.keepRaw(ctx)
}

// open opens the source's connector.
func (l *line) open() (Source, error) {
	kind, ok := l.Connectors.Named(l.recipe.Connector)
	if !ok {
		return nil, Permanent(fmt.Errorf("unknown connector %q", l.recipe.Connector))
	}
	config, err := l.recipe.Config(l.member, l.source.Params)
	if err != nil {
		return nil, Permanent(err)
	}
	source, err := kind.Open(config, l.Env)
	if err != nil {
		return nil, Permanent(err)
	}
	return source, nil
}

// receive writes one document to a temporary file, or finds the kept bytes of an unchanged one.
func (l *line) receive(ctx context.Context, d Document) error {
	if d.Same {
		return l.recall(ctx, d.Name)
	}
	f, err := os.CreateTemp(l.Dir, "raw-*.part")
	if err != nil {
		return fmt.Errorf("create temporary file: %w", err)
	}
	l.docs = append(l.docs, delivered{file: f, temp: f.Name()})
	doc := &l.docs[len(l.docs)-1]
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, hash), &sign{r: d.Body, l: l})
	if err != nil {
		return fmt.Errorf("receive %s: %w", d.Name, err)
	}
	doc.Raw = catalog.Raw{Name: d.Name, MediaType: d.MediaType, SHA256: hex.EncodeToString(hash.Sum(nil)), Bytes: n}
	l.run.Bytes += n
	return nil
}

// sign reads a body and gives signs of life.
type sign struct {
	r    io.Reader
	l    *line
	seen int64
}

func (s *sign) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.seen += int64(n); s.l.Progress != nil && n > 0 {
		s.l.Progress(Step{Source: s.l.source.ID, Stage: StageFetch, Bytes: s.l.run.Bytes + s.seen})
	}
	return n, err
}

// recall opens the bytes that the last published run kept under name.
func (l *line) recall(ctx context.Context, name string) error {
	if l.last != nil {
		for _, raw := range l.last.Documents {
			if raw.Name == name {
				blob, err := l.Blobs.Open(ctx, raw.Key())
				if err != nil {
					return fmt.Errorf("open kept bytes of %s: %w", name, err)
				}
				l.docs = append(l.docs, delivered{Raw: raw, file: blob})
				return nil
			}
		}
	}
	return fmt.Errorf("connector says %s is unchanged, but no bytes of it are kept", name)
}

// keepRaw moves the delivered bytes into the blob store; the open files stay readable.
func (l *line) keepRaw(ctx context.Context) error {
	for i := range l.docs {
		d := &l.docs[i]
		l.run.Documents = append(l.run.Documents, d.Raw)
		if d.temp == "" || l.ask.DryRun {
			continue
		}
		if err := l.Blobs.Adopt(ctx, d.Key(), d.temp); err != nil {
			return at(StagePublish, fmt.Errorf("keep raw bytes of %s: %w", d.Name, err))
		}
		d.temp = ""
	}
	return nil
}

// sameAsLast tells whether the documents are, byte for byte, those of the last published run.
func (l *line) sameAsLast() bool {
	return l.last != nil && l.ask.Accept == "" && slices.EqualFunc(l.last.Documents, l.run.Documents, func(a, b catalog.Raw) bool {
		return a.Name == b.Name && a.SHA256 == b.SHA256
	})
}

// judge decodes, maps and checks every document into the draft.
func (l *line) judge(ctx context.Context) error {
	l.judged = l.newJudged()
	defer l.buffers.Put(l.judged.buf)
	opt := l.recipe.decodeOptions()
	for _, d := range l.docs {
		name := ""
		if len(l.docs) > 1 {
			name = d.Name
		}
		in := Input{Name: d.Name, MediaType: d.MediaType, Size: d.Bytes, ReaderAt: d.file}
		if err := l.judged.document(ctx, name, in, opt); err != nil {
			return err
		}
	}
	return l.judged.finish()
}

// publish stores the files, then moves the dataset to them in one transaction. When they are the files already online, nothing new is published.
func (l *line) publish(ctx context.Context) error {
	if l.unchangedFiles(ctx) {
		l.run.Status = catalog.Unchanged
		return nil
	}
	if err := l.draft.Store(ctx, l.Blobs); err != nil {
		return err
	}
	l.run.Status, l.run.Ended = catalog.Published, l.now()
	stored, err := l.Store.Publish(ctx, l.dataset, l.run)
	if err != nil {
		return fmt.Errorf("publish %s: %w", l.dataset.ID, err)
	}
	l.dataset, l.run.Version = stored, stored.Version
	if keep := l.recipe.keep(); stored.Version > keep {
		if _, err := l.Store.Prune(ctx, stored.ID, keep); err != nil {
			l.Log.Warn("old versions not forgotten", "dataset", stored.ID, "error", err)
		}
	}
	return nil
}

// unchangedFiles tells whether the draft's files are those online already, with the same verdict.
func (l *line) unchangedFiles(ctx context.Context) bool {
	online, err := l.Store.Dataset(ctx, l.dataset.ID)
	if err != nil || online.Status == catalog.DatasetWithdrawn || online.Rejected != l.dataset.Rejected || online.Title != l.dataset.Title {
		return false
	}
	return slices.EqualFunc(online.Files, l.dataset.Files, func(a, b catalog.File) bool { return a.ID == b.ID && a.SHA256 == b.SHA256 })
}

// keepQuarantine stores the refused rows of a held delivery, so that its member can look at them; the rest of the draft goes.
func (l *line) keepQuarantine(ctx context.Context) error {
	if l.ask.DryRun {
		return nil
	}
	q := l.judged.quarantine
	if q == nil {
		return nil
	}
	return l.Blobs.Adopt(ctx, q.Key, q.Path)
}

// end settles how the run ended, for good or bad.
func (l *line) end(err error) {
	l.run.Ended = l.now()
	if err == nil {
		return
	}
	l.run.Status, l.run.Message, l.run.Error = catalog.Failed, SentenceOf(err), err.Error()
	l.run.Retry = !IsPermanent(err)
	var s *StageError
	if errors.As(err, &s) {
		l.run.Stage = string(s.Stage)
	}
	var f FaultList
	if errors.As(err, &f) && len(f) > 0 {
		l.run.Message = strings.Join(f[:min(3, len(f))], " ; ")
	}
}

// record writes the end of a run, unless Publish did.
func (l *line) record(ctx context.Context) error {
	l.Log.Info("run ended", "run", l.run.ID, "source", l.run.Source, "status", l.run.Status, "stage", l.run.Stage,
		"rows", l.run.Rows, "accepted", l.run.Accepted, "rejected", l.run.Rejected, "bytes", l.run.Bytes,
		"seconds", l.run.Ended.Sub(l.run.Started).Seconds(), "error", l.run.Error)
	if l.run.Status == catalog.Published && l.run.Version > 0 {
		return nil
	}
	if err := l.Store.Record(ctx, l.run); err != nil {
		return fmt.Errorf("record run %s: %w", l.run.ID, err)
	}
	return nil
}

// cause prefers the reason why ctx ended (time limit, lost lease) to the error that its end provoked.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		if c := context.Cause(ctx); c != nil && !errors.Is(c, context.Canceled) {
			return c
		}
		return Say("La récolte a été interrompue. La dernière version reste en ligne ; un nouvel essai est prévu.", err)
	}
	return err
}

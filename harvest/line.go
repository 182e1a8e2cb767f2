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
	"io/fs"
	"os"
	"slices"
	"strings"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"
)

// processVersion changes whenever the line would make other files from the same bytes and recipe.
const processVersion = "3"

// A line is one run on its way. Its methods are called in the order of travel.
type line struct {
	*Runner
	facts  facts
	ask    Ask
	source catalog.Source
	run    catalog.Run

	member  catalog.Member
	recipe  *Recipe
	last    *catalog.RunMark // the run whose documents are those online, nil when everything must be done anew
	docs    []delivered
	dataset catalog.Dataset
	draft   *publish.Draft
	judged  *judging

	waiting *catalog.Run // with Accept: the held run that waits for a person, nil when none does
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
	err := l.advance(ctx)
	return errors.Join(err, l.keepRaw(context.WithoutCancel(ctx))) // what was published is kept already
}

func (l *line) advance(ctx context.Context) error {
	if err := l.prepare(ctx); err != nil {
		return at(StageFetch, err)
	}
	switch err := l.bring(ctx); {
	case errors.Is(err, ErrUnchanged) && l.last != nil:
		l.run.Status, l.run.State, l.run.Documents = catalog.Unchanged, l.last.State, l.last.Documents
		return nil
	case err != nil:
		return at(StageFetch, err)
	}
	if l.sameAsLast() {
		l.run.Status = catalog.Unchanged
		return nil
	}
	switch err := l.judge(ctx); {
	case errors.Is(err, errNoRecords):
		return at(StageGate, l.hold(ctx, l.heldSentence("Le fichier reçu ne contient aucun enregistrement.")))
	case err != nil:
		return at(StageCheck, err)
	}
	if why := l.gate(); why != "" {
		if err := l.hold(ctx, why); err != nil {
			return at(StageGate, err)
		}
		return at(StagePublish, l.keepQuarantine(ctx))
	}
	l.run.Decision = l.decision()
	if l.ask.DryRun {
		l.run.Status = catalog.Published
		return nil
	}
	return at(StagePublish, l.publish(ctx))
}

// leave closes and removes what is temporary.
func (l *line) leave() {
	l.drop()
	if l.draft != nil {
		l.draft.Discard()
	}
}

// drop lets go of the documents at hand.
func (l *line) drop() {
	for _, d := range l.docs {
		if d.file != nil {
			d.file.Close()
		}
		if d.temp != "" {
			os.Remove(d.temp)
		}
	}
	l.docs = nil
}

// prepare reads what the run needs to know: member, recipe, what was published last.
func (l *line) prepare(ctx context.Context) (err error) {
	if l.member, err = l.facts.Member(ctx, l.source.Member); err != nil {
		return fmt.Errorf("read member %s: %w", l.source.Member, err)
	}
	if l.recipe, err = l.Runner.recipe(ctx, l.facts, l.source.Recipe); err != nil {
		return err
	}
	if l.dataset, err = l.recipe.DatasetFor(l.member, l.source.Params); err != nil {
		return Permanent(err)
	}
	l.dataset.Key = cmp.Or(l.source.Key, l.dataset.Key)
	l.dataset.ID = catalog.DatasetID(l.Namespace, l.member.SIREN, l.dataset.Key)
	l.dataset.Source = l.source.ID
	l.dataset.Member = l.member
	if l.source.Published == nil && l.source.Last != nil { // what a withdrawal leaves: nothing of it is to be fetched nor kept again
		if err := l.refuseWithdrawn(ctx, false); err != nil {
			return err
		}
	}
	l.run.Process = l.process()
	l.last = l.base()
	return l.findWaiting(ctx)
}

// base is the newest run known to have delivered what is online, judged as this run would judge it: the last one when it found nothing new
// (its State is fresher, and a recipe that changed without effect is judged once only), else the one that published.
func (l *line) base() *catalog.RunMark {
	if l.ask.Force || l.ask.Replay != "" {
		return nil
	}
	for _, m := range []*catalog.RunMark{l.source.Last, l.source.Published} {
		if m != nil && (m.Status == catalog.Published || m.Status == catalog.Unchanged) && m.Stage == "" && m.Process == l.run.Process && len(m.Documents) > 0 {
			return m
		}
	}
	return nil
}

// process hashes all but the bytes that decides what a run publishes.
func (l *line) process() string {
	m := l.member
	m.Datasets, m.Mandates, m.Logo, m.Colours = 0, nil, "", catalog.Colours{}
	id := ""
	if s := l.recipe.Judge(); s != nil {
		id = string(s.ID)
	}
	b, _ := json.Marshal([]any{processVersion, schemas.RulesVersion, l.recipe.Hash(), id, l.source.Params, m, l.dataset.Key, l.BaseURL})
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:16])
}

// fetch brings every document to hand. Nothing is decoded before all have arrived: stale is better than partial.
func (l *line) fetch(ctx context.Context) error {
	source, err := l.open()
	if err != nil {
		return err
	}
	var last State
	if l.last != nil {
		last = State(l.last.State)
	}
	if h, ok := source.(hoster); ok && l.Env.HTTP != nil {
		done, err := l.Env.HTTP.holdRun(ctx, h.Hosts())
		if err != nil {
			return err
		}
		defer done()
	}
	receive := func(d Document) error { return l.receive(ctx, d) }
	state, err := source.Fetch(ctx, last, receive)
	if errors.Is(err, errNotKept) {
		l.Log.Warn("kept bytes are gone, everything is fetched again", "source", l.source.ID, "error", err)
		l.drop()
		l.run.Bytes = 0
		state, err = source.Fetch(ctx, "", receive)
	}
	if err != nil {
		return err
	}
	if len(l.docs) == 0 {
		return Say("La source n’a livré aucun fichier. La dernière version reste en ligne\u00a0; vérifiez l’export du logiciel.", errors.New("no document"))
	}
	l.run.State = string(state)
	for i := range l.docs {
		l.run.Documents = append(l.run.Documents, l.docs[i].Raw)
	}
	return nil
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
		return at(StagePublish, fmt.Errorf("create temporary file: %w", err)) // our disk, not the source
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
				if errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("open kept bytes of %s: %w", name, errNotKept)
				}
				if err != nil {
					return fmt.Errorf("open kept bytes of %s: %w", name, err)
				}
				l.docs = append(l.docs, delivered{Raw: raw, file: blob})
				return nil
			}
		}
	}
	return fmt.Errorf("connector says %s is unchanged: %w", name, errNotKept)
}

// errNotKept is a document that a connector calls unchanged and whose bytes are not at hand.
var errNotKept = errors.New("no bytes of it are kept")

// raw lists the delivered bytes that are not kept yet.
func (l *line) raw() (files []publish.Finished) {
	for i := range l.docs {
		if d := &l.docs[i]; d.temp != "" && !l.ask.DryRun {
			files = append(files, publish.Finished{Key: d.Key(), Path: d.temp})
		}
	}
	return files
}

// kept notes that they are.
func (l *line) kept() {
	for i := range l.docs {
		l.docs[i].temp = ""
	}
}

// keepRaw moves the delivered bytes into the blob store.
func (l *line) keepRaw(ctx context.Context) error {
	if len(l.run.Documents) == 0 { // not all have arrived
		return nil
	}
	if err := publish.AdoptAll(ctx, l.Blobs, l.raw()...); err != nil {
		return at(StagePublish, fmt.Errorf("keep raw bytes: %w", err))
	}
	if !l.ask.DryRun {
		l.kept()
	}
	return nil
}

// store stores the files of the version and the raw bytes that they were made of, which the disk then writes together.
func (l *line) store(ctx context.Context) error {
	if err := l.draft.Store(ctx, l.Blobs, l.raw()...); err != nil {
		return err
	}
	l.kept()
	return nil
}

// sameAsLast tells whether the documents are, byte for byte, those of the last published run.
func (l *line) sameAsLast() bool {
	return l.last != nil && l.ask.Accept == "" && sameDelivery(l.last.Documents, l.run.Documents)
}

// sameDelivery tells whether two deliveries are the same bytes under the same names.
func sameDelivery(a, b []catalog.Raw) bool {
	return slices.EqualFunc(a, b, func(x, y catalog.Raw) bool { return x.Name == y.Name && x.SHA256 == y.SHA256 })
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
		l.judged.origin = sourceName(d.Name)
		in := Input{Name: d.Name, MediaType: d.MediaType, Size: d.Bytes, ReaderAt: d.file}
		if err := l.judged.document(ctx, name, in, opt); err != nil {
			return err
		}
	}
	return l.judged.finish()
}

// publish stores the files, then moves the dataset to them in one transaction. When a reader would notice no difference, nothing new is
// published. What a person withdrew stays withdrawn.
func (l *line) publish(ctx context.Context) error {
	online, err := l.Store.Dataset(ctx, l.dataset.ID)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
	case err != nil:
		return fmt.Errorf("read dataset %s: %w", l.dataset.ID, err)
	case online.Status == catalog.DatasetWithdrawn:
		if err := l.refuseWithdrawn(ctx, true); err != nil {
			return err
		}
	case sameToReaders(online, l.dataset):
		l.run.Status = catalog.Unchanged
		return l.store(ctx) // files that are there stay; one that was lost is back
	}
	if err := l.store(ctx); err != nil {
		return err
	}
	l.run.Status, l.run.Ended = catalog.Published, l.now()
	stored, err := l.Store.Publish(ctx, l.dataset, l.run)
	if errors.Is(err, catalog.ErrDecided) {
		return decidedMeanwhile(err)
	}
	if err != nil {
		return fmt.Errorf("publish %s: %w", l.dataset.ID, err)
	}
	l.dataset, l.run.Version = stored, stored.Version
	if policy := l.recipe.Retention(); stored.Version > policy.Last {
		// The keys that nothing names any more are Sweep's business: another run may be about to name one of them again.
		if _, err := l.Store.Prune(ctx, stored.ID, policy); err != nil {
			l.Log.Warn("old versions not forgotten", "dataset", stored.ID, "error", err)
		}
	}
	return nil
}

// sameToReaders tells whether two datasets have the same files, verdict and metadata, and are both known row by row or not.
func sameToReaders(a, b catalog.Dataset) bool {
	sameFile := func(a, b catalog.File) bool {
		return a.ID == b.ID && a.SHA256 == b.SHA256 && a.Name == b.Name && a.Title == b.Title
	}
	facts := func(d catalog.Dataset) [14]any {
		return [...]any{d.Key, d.Source, d.Title, d.Description, d.SchemaName, d.SchemaVersion, d.SchemaURL, d.HVD, d.License, d.Frequency,
			d.TemporalFrom, d.TemporalTo, d.Valid, d.Rejected}
	}
	return facts(a) == facts(b) && (a.Origins == nil) == (b.Origins == nil) && slices.Equal(a.Keywords, b.Keywords) && slices.Equal(a.Themes, b.Themes) &&
		slices.Equal(a.Fields, b.Fields) && slices.EqualFunc(a.Files, b.Files, sameFile)
}

// keepQuarantine stores the refused rows of a delivery that is not published, so that its member can look at them; the rest of the draft goes.
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
	if err == nil && l.run.Version > 0 { // as it was published
		return
	}
	l.run.Ended = l.now()
	if err == nil {
		return
	}
	l.run.Status, l.run.Message, l.run.Error = catalog.Failed, l.online(SentenceOf(err)), err.Error()
	l.run.Retry, l.run.Quarantine = !IsPermanent(err), nil
	var s *StageError
	if errors.As(err, &s) {
		l.run.Stage = string(s.Stage)
	}
}

// online corrects a sentence that speaks of the version online when there is none.
func (l *line) online(sentence string) string {
	if l.source.Published != nil {
		return sentence
	}
	return strings.Replace(sentence, "La dernière version reste en ligne", "Rien n’est encore en ligne", 1)
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

// cause prefers the reason why ctx ended (time limit, lost lease, end of the program) to the error that its end provoked, whose stage alone
// is kept: what an interruption broke is never permanent.
func cause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	why := context.Cause(ctx)
	var s *Sentence
	if !errors.As(why, &s) {
		why = Say("Le moissonnage a été interrompu. La dernière version reste en ligne\u00a0; un nouvel essai est prévu.", why)
	}
	why = fmt.Errorf("%w (%v)", why, err)
	var e *StageError
	if errors.As(err, &e) {
		return at(e.Stage, why)
	}
	return why
}

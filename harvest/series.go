package harvest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"grenier/catalog"
	"grenier/publish"
	"grenier/schemas"

	"github.com/google/uuid"
)

// seriesVersion changes whenever the same parts would make another series.
const seriesVersion = "2"

// seriesRecipe is the recipe of the sources of series: nothing is fetched, the platform puts members' versions together.
var seriesRecipe = catalog.Recipe{Name: "serie", Text: "# Cette recette n’a rien à moissonner : la plate-forme réunit les versions en ligne des membres.\n"}

// seriesKeep are the versions of a series that stay: a month of days, then ends of months and years.
var seriesKeep = catalog.PrunePolicy{Last: 31, Months: 24, Years: 10}

// Series keeps, for each national schema, one dataset of the whole département: the rows that the members have online, with where each comes from.
// It is the Subscriber that follows their publications. A member whose delivery is held, or whose source is down, stays in with its last good
// rows; a new one joins by itself.
type Series struct {
	Runner   *Runner
	Operator catalog.Member // whose datasets the series are; without SIREN nothing is made
	Location *time.Location // whose days the harvests are told in; UTC when nil
	Force    bool           // make them anew even when nothing changed

	mu    sync.Mutex
	known map[uuid.UUID]bool // the series themselves, whose events are not news
}

// Name is the place in the stream of events.
func (s *Series) Name() string { return "series" }

// Handle brings every series up to date, once for all the events, unless they only tell of series.
func (s *Series) Handle(ctx context.Context, events []catalog.Event) error {
	if s.Operator.SIREN == "" {
		return nil
	}
	s.mu.Lock()
	news := slices.ContainsFunc(events, func(e catalog.Event) bool { return !s.known[e.Dataset] })
	s.mu.Unlock()
	if !news {
		return nil
	}
	return s.Refresh(ctx)
}

// seriesAtOnce are made side by side: most of the work of one is on one core.
const seriesAtOnce = 2

// Refresh makes anew the series whose parts changed, and withdraws those that have none left. One that fails does not keep the others.
func (s *Series) Refresh(ctx context.Context) error {
	parts, online, err := s.read(ctx)
	if err != nil {
		return fmt.Errorf("series: %w", err)
	}
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	errs := make([]error, len(names))
	var next atomic.Int32
	var wg sync.WaitGroup
	for range min(seriesAtOnce, len(names)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(names) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := s.refresh(ctx, names[i], parts[names[i]]); err != nil {
					errs[i] = fmt.Errorf("series of %s: %w", names[i], err)
				}
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, d := range online {
		if len(parts[d.SchemaName]) == 0 {
			errs = append(errs, s.empty(ctx, d))
		}
	}
	return errors.Join(errs...)
}

// read groups the datasets online by schema, in the order of the series, and lists the series that are online.
func (s *Series) read(ctx context.Context) (parts map[string][]catalog.Dataset, online []catalog.Dataset, err error) {
	parts = map[string][]catalog.Dataset{}
	known := map[uuid.UUID]bool{}
	err = s.Runner.Store.EachDataset(ctx, catalog.DatasetQuery{}, func(d catalog.Dataset) error {
		switch {
		case d.SchemaName == "":
		case d.IsSeries():
			if known[d.ID] = true; d.Member.SIREN == s.Operator.SIREN {
				online = append(online, d)
			}
		case d.Origins != nil && fileOf(d, "csv") != nil && fileOf(d, "parquet") != nil:
			parts[d.SchemaName] = append(parts[d.SchemaName], d)
		}
		return nil
	})
	for name, list := range parts {
		slices.SortFunc(list, func(a, b catalog.Dataset) int {
			return cmp.Or(cmp.Compare(a.Member.SIREN, b.Member.SIREN), cmp.Compare(a.Key, b.Key))
		})
		known[s.id(name)] = true
	}
	s.mu.Lock()
	s.known = known
	s.mu.Unlock()
	return parts, online, err
}

func (s *Series) location() *time.Location {
	if s.Location != nil {
		return s.Location
	}
	return time.UTC
}

func (s *Series) id(schema string) uuid.UUID {
	return catalog.DatasetID(s.Runner.Namespace, s.Operator.SIREN, catalog.SeriesKey(schema))
}

func fileOf(d catalog.Dataset, format string) *catalog.File {
	for i := range d.Files {
		if d.Files[i].Format == format {
			return &d.Files[i]
		}
	}
	return nil
}

// refresh makes one series when its parts are not those of the version online.
func (s *Series) refresh(ctx context.Context, name string, parts []catalog.Dataset) error {
	b, err := s.begin(name, parts)
	if err != nil {
		return err
	}
	r := s.Runner
	source, err := r.Store.Source(ctx, b.source.ID)
	if errors.Is(err, catalog.ErrNotFound) {
		if err := r.Store.Host(ctx, s.Operator, seriesRecipe, b.source); err != nil {
			return err
		}
		source, err = r.Store.Source(ctx, b.source.ID)
	}
	if err != nil {
		return err
	}
	b.run = r.newRun(source, Ask{Slot: "série"})
	b.run.Process = b.process()
	if b.made(source.Published) || b.made(source.Last) {
		if whole, err := s.whole(ctx, b.dataset.ID); whole || err != nil {
			return err
		}
	}
	if ok, err := s.mayReturn(ctx, b.dataset.ID); err != nil || !ok {
		return err
	}
	return b.build(ctx)
}

// made tells whether a run has made this very series.
func (b *seriesBuild) made(m *catalog.RunMark) bool {
	return m != nil && !b.Force && m.Process == b.run.Process && (m.Status == catalog.Published || m.Status == catalog.Unchanged)
}

// whole tells whether the files of the version online are there: one that was lost is made again from the parts.
func (s *Series) whole(ctx context.Context, id uuid.UUID) (bool, error) {
	d, err := s.Runner.Store.Dataset(ctx, id)
	if err != nil {
		return false, err
	}
	for _, f := range d.Files {
		if _, err := s.Runner.Blobs.Stat(ctx, f.Key); errors.Is(err, fs.ErrNotExist) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	return d.Status != catalog.DatasetWithdrawn, nil
}

// A seriesBuild is one version of one series on its way.
type seriesBuild struct {
	*Series
	schema  *schemas.Schema
	source  catalog.Source
	dataset catalog.Dataset
	parts   []catalog.Dataset
	run     catalog.Run
}

func (s *Series) begin(name string, parts []catalog.Dataset) (*seriesBuild, error) {
	newest := parts[0].SchemaVersion
	for _, d := range parts {
		if schemas.CompareVersions(d.SchemaVersion, newest) > 0 {
			newest = d.SchemaVersion
		}
	}
	schema, err := s.Runner.Schemas.Lookup(name + "@" + newest)
	if err != nil {
		return nil, err
	}
	b := &seriesBuild{
		Series: s, schema: schema, parts: parts,
		source: catalog.Source{ID: s.Operator.SIREN + "/" + catalog.SeriesKey(name), Member: s.Operator.SIREN, Recipe: seriesRecipe.Name, Key: catalog.SeriesKey(name)},
	}
	b.describe(name)
	return b, nil
}

// process hashes all that decides what the series holds and says.
func (b *seriesBuild) process() string {
	type part struct {
		Dataset     uuid.UUID
		Version     int
		Name        string
		Mandated    bool
		CSV, Tables string
		Origins     string
		Day         string
	}
	list := make([]part, len(b.parts))
	for i, d := range b.parts {
		list[i] = part{
			d.ID, d.Version, d.Member.Name, b.mandated(i), fileOf(d, "csv").SHA256, fileOf(d, "parquet").SHA256, d.Origins.SHA256, d.Modified.In(b.location()).Format(time.DateOnly),
		}
	}
	meta := b.dataset
	meta.Member = catalog.Member{Name: b.Operator.Name}
	text, _ := json.Marshal([]any{seriesVersion, b.schema.ID, b.schema.Series, b.schema.Fields, list, meta, b.Runner.BaseURL})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

func (b *seriesBuild) mandated(i int) bool {
	return slices.Contains(b.parts[i].Member.Mandates, b.schema.ID.Name())
}

// owner is which of two parts a row that both have belongs to: the one whose member alone is mandated for the schema.
func (b *seriesBuild) owner(i, j int) int {
	switch x, y := b.mandated(i), b.mandated(j); {
	case x && !y:
		return i
	case y && !x:
		return j
	}
	return -1
}

// build presses the series and publishes it, recorded as a run like any other.
func (b *seriesBuild) build(parent context.Context) error {
	r := b.Runner
	ctx, cancel := r.bound(parent)
	defer cancel()
	if err := r.Store.Start(ctx, b.run); err != nil {
		return fmt.Errorf("start run of %s: %w", b.source.ID, err)
	}
	ctx, stop := r.holdLease(ctx, b.run.ID)
	stored, err := b.press(ctx)
	err = cause(ctx, err)
	stop()
	b.run.Ended = r.now()
	if err == nil {
		r.Log.Info("series published", "series", b.source.Key, "members", len(b.parts), "rows", stored.Rows, "version", stored.Version,
			"seconds", b.run.Ended.Sub(b.run.Started).Seconds())
		return nil
	}
	if parent.Err() == nil && errors.Is(err, fs.ErrNotExist) {
		err = Say("Un fichier publié d’un membre manque dans le stockage\u00a0: la série garde sa dernière version. « grenier doctor --read-data » dit lequel.", err)
	}
	b.run.Status, b.run.Stage, b.run.Message, b.run.Error = catalog.Failed, string(StagePublish), SentenceOf(err), err.Error()
	return errors.Join(err, r.Store.Record(context.WithoutCancel(parent), b.run))
}

func (b *seriesBuild) press(ctx context.Context) (catalog.Dataset, error) {
	r := b.Runner
	order := publish.SeriesOrder{
		Schema: b.schema, Dir: r.Dir,
		Meta: publish.Meta{
			Title: b.dataset.Title, Publisher: b.Operator.Name, License: catalog.LicenseURL(b.dataset.License), Source: r.BaseURL + "/id/jeu/" + b.dataset.ID.String(),
		},
	}
	for _, d := range b.parts {
		order.Parts = append(order.Parts, publish.SeriesPart{
			SIREN: d.Member.SIREN, Member: d.Member.Name, Dataset: d.ID, Version: d.Version, Harvested: d.Modified.In(b.location()),
			CSV: fileOf(d, "csv").Key, Parquet: fileOf(d, "parquet").Key, Origins: d.Origins.Key,
		})
	}
	if slices.ContainsFunc(b.parts, func(d catalog.Dataset) bool { return slices.Contains(d.Member.Mandates, d.SchemaName) }) {
		order.Owners = b.owner
	}
	made, err := publish.PressSeries(ctx, r.Blobs, order)
	if err != nil {
		return catalog.Dataset{}, err
	}
	b.finish(made)
	if online, err := r.Store.Dataset(ctx, b.dataset.ID); err == nil && online.Status != catalog.DatasetWithdrawn && sameToReaders(online, b.dataset) {
		b.run.Status = catalog.Unchanged
		return online, r.Store.Record(ctx, b.run)
	}
	stored, err := r.Store.Publish(ctx, b.dataset, b.run)
	if err != nil {
		return catalog.Dataset{}, fmt.Errorf("publish %s: %w", b.dataset.ID, err)
	}
	if stored.Version > seriesKeep.Last {
		keep := seriesKeep
		keep.Location = b.location()
		if _, err := r.Store.Prune(ctx, stored.ID, keep); err != nil {
			r.Log.Warn("old versions not forgotten", "dataset", stored.ID, "error", err)
		}
	}
	return stored, nil
}

// describe writes what the series says of itself; nothing in it depends on when it is made.
func (b *seriesBuild) describe(name string) {
	first := b.parts[0]
	d := catalog.Dataset{
		ID: b.id(name), Key: catalog.SeriesKey(name), Member: b.Operator, Source: b.source.ID, Title: b.schema.Title + " (toutes les collectivités)",
		SchemaName: name, SchemaVersion: b.schema.ID.Version(), SchemaURL: b.schema.URL,
		Keywords: first.Keywords, Themes: first.Themes, HVD: first.HVD, License: first.License, Frequency: "DAILY",
		Status: catalog.DatasetPublished, Valid: true,
	}
	d.Description = "Les lignes que les collectivités membres publient selon le schéma «\u00a0" + b.schema.Title + "\u00a0», réunies chaque jour en un seul fichier. " +
		"Chaque ligne dit d’où elle vient\u00a0: collectivité, fichier, ligne, version et jour du moissonnage. Une collectivité dont la dernière livraison " +
		"attend une vérification garde ses dernières lignes conformes."
	for _, p := range b.parts {
		d.Keywords = slices.DeleteFunc(slices.Clone(d.Keywords), func(word string) bool { return !slices.Contains(p.Keywords, word) })
		d.Valid, d.Rejected = d.Valid && p.Valid, d.Rejected+p.Rejected
		if p.License == "odbl" { // what is shared alike stays so
			d.License = p.License
		}
		if p.TemporalFrom != "" && (d.TemporalFrom == "" || p.TemporalFrom < d.TemporalFrom) {
			d.TemporalFrom = p.TemporalFrom
		}
		d.TemporalTo = max(d.TemporalTo, p.TemporalTo)
	}
	b.dataset = d
}

// finish fills what the dataset and the run take from the files.
func (b *seriesBuild) finish(made *publish.SeriesResult) {
	d, base := &b.dataset, path.Base(b.schema.ID.Name())
	d.Rows = made.Rows
	for i := range made.Fields.Fields {
		f := &made.Fields.Fields[i]
		d.Fields = append(d.Fields, catalog.FieldInfo{Name: f.Name, Title: f.Title, Type: string(f.Type), Description: f.Description})
	}
	for _, f := range made.Files {
		format, _ := publish.FormatNamed(f.Format)
		id, name, title := f.Format, base, format.Title
		switch {
		case f.Year > 0:
			id, name, title = fmt.Sprintf("%s-%d", id, f.Year), fmt.Sprintf("%s-%d", name, f.Year), fmt.Sprintf("%s, année %d", title, f.Year)
		case f.Year < 0:
			id, name, title = id+"-sans-annee", name+"-sans-annee", title+", lignes sans année"
		}
		d.Files = append(d.Files, catalog.File{
			ID: catalog.FileID(d.ID, id), Format: f.Format, Name: name + format.Ext, Title: d.Title + " (" + title + ")",
			Key: f.Key, Bytes: f.Bytes, Rows: f.Rows, SHA256: f.SHA256,
		})
	}
	b.run.Status, b.run.Ended, b.run.Dataset = catalog.Published, b.Runner.now(), d.ID
	b.run.Rows, b.run.Accepted = made.Rows, made.Rows
	b.run.State = composition(b.parts, made)
	if made.ConflictCount > 0 {
		b.run.Message = inWords(made.ConflictCount, "ligne est publiée par plusieurs membres", "lignes sont publiées par plusieurs membres") +
			"\u00a0: la page de la série les montre, et déclarer un mandat dit lesquelles comptent."
	}
}

// composition is the record of what a version of a series is made of.
func composition(parts []catalog.Dataset, made *publish.SeriesResult) string {
	c := catalog.Composition{Duplicates: made.ConflictCount}
	for i, d := range parts {
		c.Parts = append(c.Parts, catalog.SeriesPart{
			SIREN: d.Member.SIREN, Name: d.Member.Name, Dataset: d.ID, Version: d.Version, Rows: made.PartRows[i], Harvested: d.Modified,
		})
	}
	for _, x := range made.Conflicts {
		t := catalog.Duplicate{Key: x.Key}
		for _, p := range x.Places {
			t.Places = append(t.Places, catalog.DuplicatePlace{Part: p.Part, Document: p.Document, Line: p.Line, Kept: p.Kept})
		}
		c.Told = append(c.Told, t)
	}
	text, err := json.Marshal(c)
	if err != nil {
		panic("harvest: " + err.Error()) // plain types only
	}
	return string(text)
}

func inWords(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return frenchInt(n) + " " + many
}

// emptySeries is what readers are told of a series that has no part left. A series withdrawn with these words comes back by itself.
const emptySeries = "Plus aucune collectivité ne publie de données selon ce schéma pour l’instant."

// empty takes a series offline whose last part is gone.
func (s *Series) empty(ctx context.Context, d catalog.Dataset) error {
	_, err := s.Runner.Store.Withdraw(ctx, catalog.Withdrawal{
		Dataset: d.ID, Time: s.Runner.now(), By: "série", Reason: "plus aucun jeu de données à réunir", Public: emptySeries,
	})
	if err != nil {
		return fmt.Errorf("series of %s: %w", d.SchemaName, err)
	}
	return nil
}

// mayReturn tells whether a series may be published: it is not withdrawn, or was only for want of parts.
func (s *Series) mayReturn(ctx context.Context, id uuid.UUID) (bool, error) {
	d, err := s.Runner.Store.Dataset(ctx, id)
	if errors.Is(err, catalog.ErrNotFound) || err == nil && d.Status != catalog.DatasetWithdrawn {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	w, err := s.Runner.Store.Withdrawal(ctx, id)
	if err != nil || w.Public != emptySeries {
		return false, err
	}
	return true, s.Runner.Store.Reinstate(ctx, catalog.Withdrawal{Dataset: id, Time: s.Runner.now(), By: "série", Reason: "des données sont de nouveau publiées"})
}

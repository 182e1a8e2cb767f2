package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"grenier/catalog"
	"grenier/schemas"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"
	"github.com/uptrace/bun"
)

// found turns the driver's word for an empty answer into ErrNotFound and says what was looked for.
func found(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		err = catalog.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// micros is a time as it is stored: microseconds, what PostgreSQL keeps too; 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// stored is t as a read will return it.
func stored(t time.Time) time.Time { return moment(micros(t)) }

// text is s as both engines take it: PostgreSQL refuses NUL and what is not UTF-8, and errors quote strangers' bytes.
func text(s string) string { return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD") }

// toJSON is the text of a list, map or struct; "" when there is nothing in it.
func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("store: " + err.Error()) // only plain types come here
	}
	switch s := string(b); s {
	case "null", "[]", "{}":
		return ""
	default:
		return s
	}
}

func fromJSON(s string, v any) error {
	if s == "" {
		return nil
	}
	return json.Unmarshal([]byte(s), v)
}

type memberRow struct {
	bun.BaseModel `bun:"table:members,alias:m"`

	SIREN      string `bun:"siren,pk"`
	Name       string `bun:"name"`
	Folded     string `bun:"folded"`
	Kind       string `bun:"kind"`
	INSEE      string `bun:"insee"`
	SIRET      string `bun:"siret"`
	Population int    `bun:"population"`
	Email      string `bun:"email"`
	Website    string `bun:"website"`
	BBox       string `bun:"bbox"`
	Disabled   bool   `bun:"disabled"`
	Mandates   string `bun:"mandates"`
	Logo       string `bun:"logo"`
	Colours    string `bun:"colours"` // main and accent, "" without
	Datasets   int    `bun:"datasets,scanonly"`
}

func newMemberRow(m catalog.Member) memberRow {
	return memberRow{
		SIREN: m.SIREN, Name: m.Name, Folded: catalog.Fold(m.Name), Kind: string(m.Kind), INSEE: m.INSEE, SIRET: m.SIRET,
		Population: m.Population, Email: m.Email, Website: m.Website, BBox: toJSON(m.BBox), Mandates: toJSON(m.Mandates),
		Logo: m.Logo, Colours: strings.TrimSpace(m.Colours.Main + " " + m.Colours.Accent),
	}
}

func (r *memberRow) member() (catalog.Member, error) {
	m := catalog.Member{
		SIREN: r.SIREN, Name: r.Name, Kind: catalog.MemberKind(r.Kind), INSEE: r.INSEE, SIRET: r.SIRET,
		Population: r.Population, Email: r.Email, Website: r.Website, Logo: r.Logo, Datasets: r.Datasets,
	}
	m.Colours.Main, m.Colours.Accent, _ = strings.Cut(r.Colours, " ")
	return m, errors.Join(fromJSON(r.BBox, &m.BBox), fromJSON(r.Mandates, &m.Mandates))
}

type recipeRow struct {
	bun.BaseModel `bun:"table:recipes,alias:r"`

	Name     string `bun:"name,pk"`
	Text     string `bun:"text"`
	Hash     string `bun:"hash"`
	Updated  int64  `bun:"updated"`
	Disabled bool   `bun:"disabled"`
}

func (r *recipeRow) recipe() catalog.Recipe {
	return catalog.Recipe{Name: r.Name, Text: r.Text, Hash: r.Hash, Updated: moment(r.Updated)}
}

type sourceRow struct {
	bun.BaseModel `bun:"table:sources,alias:s"`

	ID           string `bun:"id,pk"`
	Member       string `bun:"member"`
	Recipe       string `bun:"recipe"`
	Params       string `bun:"params"`
	Key          string `bun:"key"`
	Schedule     string `bun:"schedule"`
	Disabled     bool   `bun:"disabled"`
	NextRun      int64  `bun:"next_run"`
	PublishedRun string `bun:"published_run"`
	LastRun      string `bun:"last_run"`
	Failures     int    `bun:"failures"`
	History      string `bun:"history"`
	Gate         string `bun:"gate"`

	Published *runRow `bun:"rel:belongs-to,join:published_run=id"`
	Last      *runRow `bun:"rel:belongs-to,join:last_run=id"`
}

func (r *sourceRow) source() (catalog.Source, error) {
	s := catalog.Source{
		ID: r.ID, Member: r.Member, Recipe: r.Recipe, Key: r.Key, Schedule: r.Schedule, Disabled: r.Disabled,
		NextRun: moment(r.NextRun), Failures: r.Failures,
	}
	var history []int64
	err := errors.Join(fromJSON(r.Params, &s.Params), fromJSON(r.History, &history), fromJSON(r.Gate, &s.Gate))
	if err == nil {
		s.Published, err = r.Published.mark(history)
	}
	if err == nil {
		s.Last, err = r.Last.mark(history)
	}
	return s, err
}

type runRow struct {
	bun.BaseModel `bun:"table:runs,alias:r"`

	ID         string  `bun:"id,pk"`
	Source     string  `bun:"source"`
	Member     string  `bun:"member"`
	Slot       string  `bun:"slot"`
	Attempt    int     `bun:"attempt"`
	Started    int64   `bun:"started"`
	Ended      int64   `bun:"ended"`
	Lease      int64   `bun:"lease"`
	Status     string  `bun:"status"`
	Stage      string  `bun:"stage"`
	Message    string  `bun:"message"`
	Error      string  `bun:"error"`
	Dataset    *string `bun:"dataset"`
	Version    int     `bun:"version"`
	Rows       int64   `bun:"rows"`
	Accepted   int64   `bun:"accepted"`
	Rejected   int64   `bun:"rejected"`
	Bytes      int64   `bun:"bytes"`
	State      string  `bun:"state"`
	Process    string  `bun:"process"`
	Documents  string  `bun:"documents"`
	Columns    string  `bun:"columns"`
	Sketch     string  `bun:"sketch"`
	Quarantine string  `bun:"quarantine"`
}

func (r *runRow) run() (catalog.Run, error) {
	run := catalog.Run{
		ID: r.ID, Source: r.Source, Member: r.Member, Slot: r.Slot, Attempt: r.Attempt,
		Started: moment(r.Started), Ended: moment(r.Ended), Lease: moment(r.Lease),
		Status: catalog.Status(r.Status), Stage: r.Stage, Message: r.Message, Error: r.Error, Version: r.Version,
		Rows: r.Rows, Accepted: r.Accepted, Rejected: r.Rejected, Bytes: r.Bytes, State: r.State, Process: r.Process,
	}
	var err error
	if r.Dataset != nil {
		run.Dataset, err = uuid.Parse(*r.Dataset)
	}
	return run, errors.Join(err, fromJSON(r.Documents, &run.Documents), fromJSON(r.Columns, &run.Columns), fromJSON(r.Sketch, &run.Sketch),
		fromQuarantine(r.Quarantine, &run.Quarantine))
}

// mark is what the line needs to know of the run; nil for no run.
func (r *runRow) mark(history []int64) (*catalog.RunMark, error) {
	if r == nil {
		return nil, nil
	}
	m := &catalog.RunMark{
		Run: r.ID, Ended: moment(r.Ended), Status: catalog.Status(r.Status), Stage: r.Stage, State: r.State, Process: r.Process,
		Rows: r.Accepted, Rejected: r.Rejected, History: history,
	}
	return m, errors.Join(fromJSON(r.Documents, &m.Documents), fromJSON(r.Columns, &m.Columns), fromJSON(r.Sketch, &m.Sketch))
}

// A keptFile is a File with what its public JSON leaves out.
type keptFile struct {
	catalog.File
	Key string `json:"key"`
}

func toQuarantine(f *catalog.File) string {
	if f == nil {
		return ""
	}
	k := keptFile{*f, f.Key}
	k.Modified = stored(k.Modified)
	return toJSON(k)
}

func fromQuarantine(s string, f **catalog.File) error {
	if s == "" {
		return nil
	}
	var k keptFile
	if err := fromJSON(s, &k); err != nil {
		return err
	}
	k.File.Key = k.Key
	*f = &k.File
	return nil
}

type datasetRow struct {
	bun.BaseModel `bun:"table:datasets,alias:d"`

	ID            uuid.UUID `bun:"id,pk"`
	Created       int64     `bun:"created"`
	Slug          string    `bun:"slug"`
	Key           string    `bun:"key"`
	Member        string    `bun:"member"`
	Source        string    `bun:"source"`
	Title         string    `bun:"title"`
	Description   string    `bun:"description"`
	SchemaName    string    `bun:"schema_name"`
	SchemaVersion string    `bun:"schema_version"`
	SchemaURL     string    `bun:"schema_url"`
	Keywords      string    `bun:"keywords"`
	Themes        string    `bun:"themes"`
	HVD           string    `bun:"hvd"`
	License       string    `bun:"license"`
	Frequency     string    `bun:"frequency"`
	TemporalFrom  string    `bun:"temporal_from"`
	TemporalTo    string    `bun:"temporal_to"`
	Issued        int64     `bun:"issued"`
	Modified      int64     `bun:"modified"`
	Checked       int64     `bun:"checked"`
	Status        string    `bun:"status"`
	Version       int       `bun:"version"`
	Valid         bool      `bun:"valid"`
	Rows          int64     `bun:"rows"`
	Rejected      int64     `bun:"rejected"`
	Fields        string    `bun:"fields"`

	Owner *memberRow `bun:"rel:belongs-to,join:member=siren"`
}

func newDatasetRow(d catalog.Dataset, created int64) datasetRow {
	return datasetRow{
		ID: d.ID, Created: created, Slug: d.Slug, Key: d.Key, Member: d.Member.SIREN, Source: d.Source,
		Title: d.Title, Description: d.Description,
		SchemaName: d.SchemaName, SchemaVersion: d.SchemaVersion, SchemaURL: d.SchemaURL,
		Keywords: toJSON(d.Keywords), Themes: toJSON(d.Themes), HVD: d.HVD, License: d.License, Frequency: d.Frequency,
		TemporalFrom: d.TemporalFrom, TemporalTo: d.TemporalTo,
		Issued: micros(d.Issued), Modified: micros(d.Modified), Checked: micros(d.Checked), Status: string(d.Status),
		Version: d.Version, Valid: d.Valid, Rows: d.Rows, Rejected: d.Rejected, Fields: toJSON(d.Fields),
	}
}

func (r *datasetRow) dataset() (catalog.Dataset, error) {
	d := catalog.Dataset{
		ID: r.ID, Slug: r.Slug, Key: r.Key, Member: catalog.Member{SIREN: r.Member}, Source: r.Source,
		Title: r.Title, Description: r.Description,
		SchemaName: r.SchemaName, SchemaVersion: r.SchemaVersion, SchemaURL: r.SchemaURL,
		HVD: r.HVD, License: r.License, Frequency: r.Frequency, TemporalFrom: r.TemporalFrom, TemporalTo: r.TemporalTo,
		Issued: moment(r.Issued), Modified: moment(r.Modified), Checked: moment(r.Checked),
		Status: catalog.DatasetStatus(r.Status), Version: r.Version, Valid: r.Valid, Rows: r.Rows, Rejected: r.Rejected,
	}
	err := errors.Join(fromJSON(r.Keywords, &d.Keywords), fromJSON(r.Themes, &d.Themes), fromJSON(r.Fields, &d.Fields))
	if err == nil && r.Owner != nil {
		d.Member, err = r.Owner.member()
	}
	return d, err
}

type versionRow struct {
	bun.BaseModel `bun:"table:versions,alias:v"`

	Dataset   uuid.UUID `bun:"dataset,pk"`
	Number    int       `bun:"number,pk"`
	Run       string    `bun:"run"`
	Published int64     `bun:"published"`
	Rows      int64     `bun:"rows"`
	Rejected  int64     `bun:"rejected"`
	Valid     bool      `bun:"valid"`
	Origins   string    `bun:"origins"`
}

type fileRow struct {
	bun.BaseModel `bun:"table:files,alias:f"`

	ID       uuid.UUID `bun:"id,pk"`
	Version  int       `bun:"version,pk"`
	Dataset  uuid.UUID `bun:"dataset"`
	Position int       `bun:"position"`
	Format   string    `bun:"format"`
	Name     string    `bun:"name"`
	Title    string    `bun:"title"`
	Key      string    `bun:"key"`
	Bytes    int64     `bun:"bytes"`
	Rows     int64     `bun:"rows"`
	SHA256   string    `bun:"sha256"`
	Modified int64     `bun:"modified"`
}

func (r *fileRow) file() catalog.File {
	return catalog.File{
		ID: r.ID, Format: r.Format, Name: r.Name, Title: r.Title, Key: r.Key,
		Bytes: r.Bytes, Rows: r.Rows, SHA256: r.SHA256, Modified: moment(r.Modified),
	}
}

func newFileRow(d catalog.Dataset, position int) fileRow {
	f := d.Files[position]
	return fileRow{
		ID: f.ID, Version: d.Version, Dataset: d.ID, Position: position, Format: f.Format, Name: f.Name, Title: f.Title, Key: f.Key,
		Bytes: f.Bytes, Rows: f.Rows, SHA256: f.SHA256, Modified: micros(f.Modified),
	}
}

// reportMax bounds what a stored report may unpack to.
const reportMax = 64 << 20

var (
	packer   = must(zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true)))
	unpacker = must(zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(reportMax), zstd.WithDecoderLowmem(true)))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options written above
	}
	return v
}

func packReport(r *schemas.Report) ([]byte, error) {
	if r == nil {
		return nil, nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write report: %w", err)
	}
	return packer.EncodeAll(b, nil), nil
}

func unpackReport(packed []byte) (*schemas.Report, error) {
	b, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("unpack report: %w", err)
	}
	r := new(schemas.Report)
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	return r, nil
}

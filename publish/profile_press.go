package publish

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"

	"grenier/schemas"
)

// profileRows is from how many rows on a profile is made with the file. A smaller table is profiled in a few milliseconds when somebody asks,
// which is less than one more file costs.
const profileRows = 10_000

const (
	profileFolder = "profile/"
	profileExt    = ".json"
	profileRoom   = 32 << 20 // bytes of values that the columns of one file hold while it is written, about
)

// ProfileKey is where the profile of a Parquet file is kept, given the file's SHA-256.
func ProfileKey(sha256 string) string {
	return profileFolder + sha256[:2] + "/" + sha256 + profileExt
}

// ProfiledBy is the key of the Parquet file whose profile is under key, or key itself when it is no profile's. A profile is worth keeping as long
// as its file.
func ProfiledBy(key string) string {
	sum, ok := strings.CutPrefix(key, profileFolder)
	if !ok {
		return key
	}
	return "pub/" + strings.TrimSuffix(sum, profileExt) + ".parquet"
}

// A profiler works the profile of a Parquet file out while the file is written, from what its pages are made of: most values have a number in
// the dictionary of their row group by then, so that they are counted without being looked at.
type profiler struct {
	columns []*pressTally // of the schema
}

// A pressTally is what is known of one column.
type pressTally struct {
	*tally
	nulls  int64
	counts []int64 // by entry of the row group's dictionary
}

func newProfiler(s *schemas.Schema) *profiler {
	p, spare := &profiler{}, new(parquetDict)
	for i := range s.Fields {
		y := newTally(s.Fields[i].Physical())
		y.kept, y.room = spare, min(profileBytes, profileRoom/len(s.Fields))
		p.columns = append(p.columns, &pressTally{tally: y})
	}
	return p
}

// page counts the page that a column is about to end.
func (y *pressTally) page(c *parquetColumn) {
	y.nulls += int64(len(c.levels) - c.values)
	if c.bounds.any {
		y.widen(bound{c.bounds.lo, c.bounds.loText})
		y.widen(bound{c.bounds.hi, c.bounds.hiText})
	}
	switch {
	case c.values == 0:
	case len(c.indexes) > 0:
		if n := c.dict.len() - len(y.counts); n > 0 {
			y.counts = append(y.counts, make([]int64, n)...)
		}
		for _, i := range c.indexes {
			y.counts[i]++
		}
	case c.physical == schemas.Text:
		for b := c.plain; len(b) > 4; {
			end := 4 + binary.LittleEndian.Uint32(b)
			y.take(bound{text: b[4:end]}, 1)
			b = b[end:]
		}
	case c.physical == schemas.Bool:
		for i := range c.values {
			y.take(bound{num: uint64(c.plain[i/8] >> (i % 8) & 1)}, 1)
		}
	case c.physical == schemas.Days:
		for b := c.plain; len(b) > 0; b = b[4:] {
			y.take(bound{num: uint64(int64(int32(binary.LittleEndian.Uint32(b))))}, 1)
		}
	default:
		for b := c.plain; len(b) > 0; b = b[8:] {
			y.take(y.unsigned(bound{num: binary.LittleEndian.Uint64(b)}), 1)
		}
	}
}

// group takes the values of a row group's dictionary in, with their counts.
func (y *pressTally) group(d *parquetDict) {
	for i, n := range y.counts {
		switch {
		case n == 0:
		case d.texts:
			y.take(bound{text: d.value(int32(i))}, n)
		default:
			y.take(y.unsigned(bound{num: d.keys[i]}), n)
		}
	}
	y.counts = y.counts[:0]
}

// unsigned takes the sign from a zero.
func (y *tally) unsigned(b bound) bound {
	if y.physical == schemas.Float && math.Float64frombits(b.num) == 0 {
		b.num = 0
	}
	return b
}

// profileOf ends the profile of a finished file. What one walk cannot tell of a column of many different values is read from the file.
func (p *profiler) profileOf(file Pressed) (out *Profile, err error) {
	f, err := os.Open(file.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := OpenTable(f, file.Bytes)
	if err != nil {
		return nil, err
	}
	out = &Profile{Rows: t.rows, Columns: []ColumnProfile{}}
	for c, y := range p.columns {
		column, err := t.describe(context.Background(), c, y.tally, y.nulls)
		if err != nil {
			return nil, err
		}
		out.Columns = append(out.Columns, column)
	}
	return out, nil
}

// openProfile makes the Parquet file of a draft tell what it holds.
func (d *Draft) openProfile() {
	for _, t := range d.tables {
		if p, ok := t.w.(*parquetWriter); ok && p.shapes == nil {
			p.profile = newProfiler(d.order.Schema)
			for i, y := range p.profile.columns {
				p.columns[i].profile = y
			}
		}
	}
}

// forgetProfile goes on without one.
func (p *parquetWriter) forgetProfile() {
	p.profile = nil
	for _, c := range p.columns {
		c.profile = nil
	}
}

// pressProfile makes the profile of a finished file, if it has told what it holds.
func (d *Draft) pressProfile(t *table, file Pressed) error {
	w, ok := t.w.(*parquetWriter)
	if !ok || w.profile == nil || file.Rows < profileRows {
		return nil
	}
	return w.profile.press(d, file)
}

// press makes the profile's file.
func (p *profiler) press(d *Draft, file Pressed) error {
	profile, err := p.profileOf(file)
	if err != nil {
		return err
	}
	out, err := newOutput(d.order.Dir, profileExt)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out.buf).Encode(profile); err != nil {
		out.discard()
		return err
	}
	out.rows = file.Rows
	if _, err := d.press(out, "", strings.TrimSuffix(profileFolder, "/"), profileExt); err != nil {
		out.discard()
		return err
	}
	d.ready[len(d.ready)-1].Key = ProfileKey(file.SHA256)
	return nil
}

// ReadProfile reads the profile that was made with a Parquet file; one that is not there is an error that is fs.ErrNotExist.
func ReadProfile(ctx context.Context, blobs BlobStore, sha256 string) (*Profile, error) {
	if len(sha256) < 2 {
		return nil, errors.New("read profile: no sum")
	}
	b, err := blobs.Open(ctx, ProfileKey(sha256))
	if err != nil {
		return nil, fmt.Errorf("read profile: %w", err)
	}
	defer b.Close()
	var p Profile
	if err := json.NewDecoder(b).Decode(&p); err != nil {
		return nil, fmt.Errorf("read profile of %s: %w", sha256, err)
	}
	return &p, nil
}

// WriteProfile makes the profile of a Parquet file that is stored already, and keeps it beside the file: a series, which is put together from others, has none
// before.
func WriteProfile(ctx context.Context, blobs BlobStore, file Pressed) error {
	if file.Rows < profileRows {
		return nil
	}
	b, err := blobs.Open(ctx, file.Key)
	if err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	defer b.Close()
	t, err := OpenTable(b, file.Bytes)
	if err != nil {
		return fmt.Errorf("write profile of %s: %w", file.Key, err)
	}
	p, err := t.Profile(ctx)
	if err != nil {
		return fmt.Errorf("write profile of %s: %w", file.Key, err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write profile of %s: %w", file.Key, err)
	}
	if err := blobs.Put(ctx, ProfileKey(file.SHA256), strings.NewReader(string(text)+"\n")); err != nil {
		return fmt.Errorf("write profile of %s: %w", file.Key, err)
	}
	return nil
}

// OwnerOf is the key of the file that the blob under key only serves, as its twin or its profile do; key itself when it is a file of its own.
func OwnerOf(key string) string { return TwinOf(ProfiledBy(key)) }

// Beside lists where a file's twins and its profile are, should it have any.
func Beside(key string) (keys []string) {
	for _, e := range Encodings {
		keys = append(keys, e.Key(key))
	}
	if sum, ok := strings.CutSuffix(key, ".parquet"); ok && strings.HasPrefix(key, "pub/") {
		keys = append(keys, profileFolder+strings.TrimPrefix(sum, "pub/")+profileExt)
	}
	return keys
}

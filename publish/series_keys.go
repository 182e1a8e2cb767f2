package publish

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"

	"grenier/schemas"
)

// Keys that several parts have are found by hashes of their cells: 8 bytes a row, and two bitmaps. Rows whose hash may be in several parts are
// looked at again, with a second hash of the cells themselves. Both are of 64 bits and seeded anew in each process.

// skipped are the rows of a part that other parts own, rising: by their place in its Parquet file, and in its CSV.
type skipped struct {
	rows, ranks []int64
}

// kept are the rows from from to to that stay.
func (s *skipped) kept(from, to int64) []int64 {
	rows := make([]int64, 0, to-from)
	at, _ := slices.BinarySearch(s.rows, from)
	for row := from; row < to; row++ {
		if at < len(s.rows) && s.rows[at] == row {
			at++
			continue
		}
		rows = append(rows, row)
	}
	return rows
}

// findConflicts finds the keys that several parts have, and which rows go.
func (p *seriesPress) findConflicts(ctx context.Context) error {
	key := p.keyColumns()
	if len(key) == 0 || len(p.order.Parts) < 2 {
		return nil
	}
	hashes := make([][]uint64, len(p.order.Parts))
	err := p.eachPart(ctx, func(ctx context.Context, i int) (err error) {
		hashes[i], err = p.hashKeys(ctx, i, key)
		return err
	})
	if err != nil {
		return err
	}
	candidates := sharedRows(hashes)
	hashes = nil
	if len(candidates) == 0 {
		return nil
	}
	if err := p.checkCandidates(ctx, key, candidates); err != nil {
		return err
	}
	return p.judgeConflicts(ctx, key, candidates)
}

// keyColumns are the columns of the key that the schema has.
func (p *seriesPress) keyColumns() (key []int) {
	for _, name := range p.order.Schema.Series.Key {
		if c := p.order.Schema.Field(name); c >= 0 {
			key = append(key, c)
		}
	}
	return key
}

// A keyReader reads the cells of the key of a part's rows.
type keyReader struct {
	file  *partFile
	cells []cellSource // by column of the key
	types []schemas.Physical
	row   []byte // scratch
}

func (p *seriesPress) openKeys(ctx context.Context, i int, key []int) (*keyReader, error) {
	file, err := openPartFile(ctx, p.blobs, "Parquet file", p.order.Parts[i].Parquet)
	if err != nil {
		return nil, err
	}
	k := &keyReader{file: file}
	source, cast, _ := columnsOf(p.order.Schema, file.table.schema)
	for _, c := range key {
		physical := p.order.Schema.Fields[c].Physical()
		k.types = append(k.types, physical)
		switch {
		case source[c] < 0:
			k.cells = append(k.cells, func(int64) (bool, uint64, []byte, error) { return false, 0, nil, nil })
		case cast[c]:
			k.cells = append(k.cells, castSource(file.table.reader(source[c]), physical, func(bool) {}))
		default:
			k.cells = append(k.cells, file.table.reader(source[c]).cells)
		}
	}
	return k, nil
}

// castSource gives the cells of a column as another type; told hears of each whether that could be done.
func castSource(c *columnReader, to schemas.Physical, told func(ok bool)) cellSource {
	var text []byte
	return func(row int64) (bool, uint64, []byte, error) {
		valid, num, b, err := c.cells(row)
		if !valid || err != nil {
			return false, 0, nil, err
		}
		text = appendCell(text[:0], c.physical, num, b)
		cell, ok := castCell(to, text)
		told(ok)
		return ok, cell, text, nil
	}
}

// key writes the cells of a row's key one behind the other, so that no two keys look alike; none says that all are without value. It is valid
// until the next call.
func (k *keyReader) key(row int64) (key []byte, none bool, err error) {
	k.row, none = k.row[:0], true
	for i, cell := range k.cells {
		valid, num, text, err := cell(row)
		if err != nil {
			return nil, false, err
		}
		switch {
		case !valid:
			k.row = append(k.row, 0)
			continue
		case k.types[i] == schemas.Text:
			k.row = append(binary.AppendUvarint(append(k.row, 1), uint64(len(text))), text...)
		default:
			k.row = binary.LittleEndian.AppendUint64(append(k.row, 1), num)
		}
		none = false
	}
	return k.row, none, nil
}

// texts are the cells of a row's key as people read them.
func (k *keyReader) texts(row int64) (texts []string, err error) {
	for i, cell := range k.cells {
		valid, num, text, err := cell(row)
		if err != nil {
			return nil, err
		}
		if !valid {
			texts = append(texts, "")
			continue
		}
		texts = append(texts, string(appendCell(nil, k.types[i], num, text)))
	}
	return texts, nil
}

// keySeeds are those of the two hashes.
var keySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// hashKeys hashes the key of each row of a part; 0 stands for none.
func (p *seriesPress) hashKeys(ctx context.Context, i int, key []int) ([]uint64, error) {
	k, err := p.openKeys(ctx, i, key)
	if err != nil {
		return nil, err
	}
	defer k.file.close()
	hashes := make([]uint64, k.file.table.rows)
	for row := range hashes {
		if row%rowsBlock == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		b, none, err := k.key(int64(row))
		if err != nil {
			return nil, err
		}
		if !none {
			hashes[row] = max(1, maphash.Bytes(keySeeds[0], b))
		}
	}
	return hashes, nil
}

// A sharedRow is a row whose key another part may have as well.
type sharedRow struct {
	hash, check uint64
	part        int32
	row         uint32
}

// sharedRows finds the rows whose hash is in several parts.
func sharedRows(hashes [][]uint64) (shared []sharedRow) {
	twice := inSeveral(hashes)
	for i, part := range hashes {
		for row, h := range part {
			if h != 0 && twice.has(h) {
				shared = append(shared, sharedRow{hash: h, part: int32(i), row: uint32(row)})
			}
		}
	}
	slices.SortFunc(shared, func(a, b sharedRow) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.part, b.part), cmp.Compare(a.row, b.row))
	})
	return slices.Clip(inTwoParts(shared))
}

// inTwoParts keeps the rows whose hash is in two parts or more: up to an eighth of all only shared a bit.
func inTwoParts(shared []sharedRow) []sharedRow {
	kept := shared[:0]
	for from := 0; from < len(shared); {
		to := from + 1
		for to < len(shared) && shared[to].hash == shared[from].hash {
			to++
		}
		if shared[from].part != shared[to-1].part {
			kept = append(kept, shared[from:to]...)
		}
		from = to
	}
	return kept
}

// inSeveral marks the hashes that several parts may have.
func inSeveral(hashes [][]uint64) (twice bitmap) {
	total := 0
	for _, part := range hashes {
		total += len(part)
	}
	size := 1 << 10
	for size < 8*total {
		size *= 2
	}
	seen, twice := make(bitmap, size/64), make(bitmap, size/64)
	for _, part := range hashes {
		for _, h := range part {
			if h != 0 && seen.has(h) {
				twice.add(h)
			}
		}
		for _, h := range part { // now only: a part may have a key twice
			if h != 0 {
				seen.add(h)
			}
		}
	}
	return twice
}

type bitmap []uint64

func (b bitmap) add(h uint64) {
	h &= uint64(len(b))*64 - 1
	b[h/64] |= 1 << (h % 64)
}

func (b bitmap) has(h uint64) bool {
	h &= uint64(len(b))*64 - 1
	return b[h/64]>>(h%64)&1 != 0
}

// checkCandidates hashes the keys of the candidates a second time, from their cells.
func (p *seriesPress) checkCandidates(ctx context.Context, key []int, candidates []sharedRow) error {
	slices.SortFunc(candidates, func(a, b sharedRow) int { return cmp.Or(cmp.Compare(a.part, b.part), cmp.Compare(a.row, b.row)) })
	byPart := make([][]sharedRow, len(p.order.Parts))
	for from := 0; from < len(candidates); {
		part, to := candidates[from].part, from
		for to < len(candidates) && candidates[to].part == part {
			to++
		}
		byPart[part], from = candidates[from:to], to
	}
	return p.eachPart(ctx, func(ctx context.Context, i int) error {
		own := byPart[i]
		if len(own) == 0 {
			return nil
		}
		k, err := p.openKeys(ctx, i, key)
		if err != nil {
			return err
		}
		defer k.file.close()
		for j := range own {
			if j%rowsBlock == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			b, _, err := k.key(int64(own[j].row))
			if err != nil {
				return err
			}
			own[j].check = maphash.Bytes(keySeeds[1], b)
		}
		return nil
	})
}

// judgeConflicts takes the candidates by key and decides whose rows go.
func (p *seriesPress) judgeConflicts(ctx context.Context, key []int, candidates []sharedRow) error {
	slices.SortFunc(candidates, func(a, b sharedRow) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.check, b.check), cmp.Compare(a.part, b.part), cmp.Compare(a.row, b.row))
	})
	var told [][]sharedRow
	owner := p.ownerOf()
	for len(candidates) > 0 {
		n := 1
		for n < len(candidates) && candidates[n].hash == candidates[0].hash && candidates[n].check == candidates[0].check {
			n++
		}
		same := candidates[:n]
		candidates = candidates[n:]
		if same[0].part == same[n-1].part {
			continue
		}
		p.result.ConflictCount++
		told = append(told, same)
		for _, lost := range p.losers(same, owner) {
			p.skips[lost.part].rows = append(p.skips[lost.part].rows, int64(lost.row))
		}
	}
	slices.SortFunc(told, func(a, b []sharedRow) int {
		return cmp.Or(cmp.Compare(a[0].part, b[0].part), cmp.Compare(a[0].row, b[0].row))
	})
	told = told[:min(len(told), maxConflicts)]
	if err := p.finishSkips(ctx); err != nil {
		return err
	}
	return p.tell(ctx, key, told, owner)
}

// ownerOf is Owners, asked once for two parts. An answer that is none of both means none.
func (p *seriesPress) ownerOf() func(a, b int32) int32 {
	if p.order.Owners == nil {
		return func(a, b int32) int32 { return -1 }
	}
	n := len(p.order.Parts)
	known := make([]int32, n*n) // 0: not asked; owner + 2
	return func(a, b int32) int32 {
		at := int(a)*n + int(b)
		if known[at] == 0 {
			o := int32(p.order.Owners(int(a), int(b)))
			if o != a && o != b {
				o = -1
			}
			known[at] = o + 2
		}
		return known[at] - 2
	}
}

// partsOf are the parts that rows are of.
func partsOf(rows []sharedRow) (parts []int32) {
	for _, r := range rows {
		if n := len(parts); n == 0 || parts[n-1] != r.part {
			parts = append(parts, r.part)
		}
	}
	return parts
}

// staying are the parts that lose to no other; all of them when each loses to one.
func (p *seriesPress) staying(parts []int32, owner func(a, b int32) int32) (stay []int32) {
	if p.order.Owners == nil {
		return parts
	}
	for _, a := range parts {
		loses := slices.ContainsFunc(parts, func(b int32) bool { return a != b && owner(min(a, b), max(a, b)) == b })
		if !loses {
			stay = append(stay, a)
		}
	}
	if len(stay) == 0 {
		return parts
	}
	return stay
}

// losers are the rows of one key that go.
func (p *seriesPress) losers(same []sharedRow, owner func(a, b int32) int32) (out []sharedRow) {
	if p.order.Owners == nil {
		return nil
	}
	stay := p.staying(partsOf(same), owner)
	for _, r := range same {
		if !slices.Contains(stay, r.part) {
			out = append(out, r)
		}
	}
	return out
}

// finishSkips puts the rows that go in order, and finds where they are in the CSV.
func (p *seriesPress) finishSkips(ctx context.Context) error {
	return p.eachPart(ctx, func(ctx context.Context, i int) error {
		s := &p.skips[i]
		if len(s.rows) == 0 {
			return nil
		}
		slices.Sort(s.rows)
		o, err := openOrigin(ctx, p.blobs, p.order.Parts[i].Origins, "", nil, "")
		if err != nil {
			return err
		}
		defer o.close()
		for _, row := range s.rows {
			rank, err := o.rankAt(row)
			if err != nil {
				return fmt.Errorf("origins file %s: %w", p.order.Parts[i].Origins, err)
			}
			s.ranks = append(s.ranks, rank)
		}
		slices.Sort(s.ranks)
		return nil
	})
}

// tell writes conflicts down, with their cells and places.
func (p *seriesPress) tell(ctx context.Context, key []int, told [][]sharedRow, owner func(a, b int32) int32) error {
	if len(told) == 0 {
		return nil
	}
	p.result.Conflicts = make([]Conflict, len(told))
	byPart := map[int32][]conflictRow{}
	for i, same := range told {
		c := &p.result.Conflicts[i]
		c.Owner = -1
		stay := p.staying(partsOf(same), owner)
		if len(stay) == 1 {
			c.Owner = int(stay[0])
		}
		same = same[:min(len(same), maxPlaces)]
		c.Places = make([]Place, len(same))
		for j, row := range same {
			c.Places[j] = Place{Part: int(row.part), Kept: slices.Contains(stay, row.part)}
			byPart[row.part] = append(byPart[row.part], conflictRow{row, c, j})
		}
	}
	for i := range p.order.Parts {
		if rows := byPart[int32(i)]; len(rows) > 0 {
			if err := p.tellPart(ctx, i, key, rows); err != nil {
				return fmt.Errorf("%s: %w", p.order.Parts[i].name(), err)
			}
		}
	}
	return nil
}

// maxPlaces is how many places of one key are told.
const maxPlaces = 20

// A conflictRow is one place of a conflict, still to be told.
type conflictRow struct {
	sharedRow
	conflict *Conflict
	place    int
}

func (p *seriesPress) tellPart(ctx context.Context, i int, key []int, rows []conflictRow) error {
	part := &p.order.Parts[i]
	k, err := p.openKeys(ctx, i, key)
	if err != nil {
		return err
	}
	defer k.file.close()
	o, err := openOrigin(ctx, p.blobs, part.Origins, part.Source, k.file.table, "")
	if err != nil {
		return err
	}
	defer o.close()
	slices.SortFunc(rows, func(a, b conflictRow) int { return cmp.Compare(a.row, b.row) })
	for _, r := range rows {
		if r.conflict.Key == nil {
			if r.conflict.Key, err = k.texts(int64(r.row)); err != nil {
				return err
			}
		}
		place := &r.conflict.Places[r.place]
		document, err := o.documentAt(int64(r.row))
		if err != nil {
			return err
		}
		place.Document = string(document)
		if place.Line, _, err = o.lineAt(int64(r.row)); err != nil {
			return err
		}
	}
	return nil
}

package dcat

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"grenier/catalog"

	"github.com/google/uuid"
)

// A Keeper keeps the descriptions of datasets in the store, and reads them there. What it does not find, or finds out of date, it makes and keeps.
// It is a catalog.Subscriber: descriptions are made at publication, and a reader finds them ready.
type Keeper struct {
	Store catalog.Store
	Site  *Site
}

// Name is the place in the stream.
func (k Keeper) Name() string { return "dcat" }

// Handle makes the descriptions of the datasets that the events name.
func (k Keeper) Handle(ctx context.Context, events []catalog.Event) error {
	var ids []uuid.UUID
	seen := map[uuid.UUID]bool{}
	for _, e := range events {
		if !seen[e.Dataset] {
			seen[e.Dataset] = true
			ids = append(ids, e.Dataset)
		}
	}
	r := k.reader()
	r.must = true
	return r.each(ctx, ids, func(Description) error { return nil })
}

// keptAtOnce is how many descriptions are in memory while a catalogue is written.
const keptAtOnce = 64

// Each calls fn for the datasets that are online among ids, in the order of their creation within each few dozen: ids that are in that order
// stay in it. It holds few at a time, and nothing of the database while fn runs. It stops at the first error.
func (k Keeper) Each(ctx context.Context, ids []uuid.UUID, fn func(Description) error) error {
	return k.reader().each(ctx, ids, fn)
}

func (r *reader) each(ctx context.Context, ids []uuid.UUID, fn func(Description) error) error {
	for part := range slices.Chunk(ids, keptAtOnce) {
		err := r.Store.Renditions(ctx, catalog.DatasetQuery{IDs: part}, true, func(kept catalog.Rendition) error { return r.take(ctx, kept) })
		if err == nil {
			err = r.give(ctx, fn)
		}
		if err != nil {
			return fmt.Errorf("read descriptions: %w", err)
		}
	}
	return nil
}

// All calls fn for all datasets that q selects, in creation order, in the manner of Each. It reads ahead while fn runs.
func (k Keeper) All(ctx context.Context, q catalog.DatasetQuery, fn func(Description) error) error {
	ctx, stop := context.WithCancel(ctx)
	parts, read := make(chan []Description), make(chan error, 1)
	go func() {
		defer close(parts)
		read <- k.readAhead(ctx, q, parts)
	}()
	defer func() { // whatever happens, nobody reads on
		stop()
		for range parts {
		}
	}()
	for part := range parts {
		for _, d := range part {
			if err := fn(d); err != nil {
				return err
			}
		}
	}
	return <-read
}

// readAhead sends what All hands over, in parts.
func (k Keeper) readAhead(ctx context.Context, q catalog.DatasetQuery, parts chan<- []Description) error {
	r := k.reader()
	send := func() error {
		part := make([]Description, 0, len(r.taken))
		if err := r.give(ctx, func(d Description) error { part = append(part, d); return nil }); err != nil {
			return err
		}
		select {
		case parts <- part:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := r.Store.Renditions(ctx, q, true, func(kept catalog.Rendition) error {
		if err := r.take(ctx, kept); err != nil || len(r.taken) < keptAtOnce {
			return err
		}
		return send()
	})
	if err == nil {
		err = send()
	}
	if err != nil {
		return fmt.Errorf("read descriptions: %w", err)
	}
	return nil
}

func (k Keeper) reader() *reader {
	return &reader{Keeper: k, stamps: stamper{site: k.Site, members: map[stamped][]byte{}}, members: map[string]*catalog.Member{}, late: map[uuid.UUID]int{}}
}

// A reader gathers some descriptions, and remembers members while it reads many.
type reader struct {
	Keeper
	stamps  stamper
	members map[string]*catalog.Member
	taken   []Description
	late    map[uuid.UUID]int // places of those that are out of date, or not there
	around  *catalog.BBox     // all members, once it was asked for
	asked   bool
	must    bool // what cannot be kept is an error
}

// take unpacks what is kept.
func (r *reader) take(ctx context.Context, kept catalog.Rendition) error {
	d, err := r.unpack(ctx, kept)
	if errors.Is(err, errPacked) {
		r.late[kept.Dataset] = len(r.taken)
		err = nil
	}
	r.taken = append(r.taken, d)
	return err
}

// give makes what is late, and hands all over. A dataset that was withdrawn meanwhile is left out.
func (r *reader) give(ctx context.Context, fn func(Description) error) error {
	if len(r.late) > 0 {
		made, err := r.make(ctx, slices.Collect(maps.Keys(r.late)))
		if err != nil {
			return err
		}
		for _, d := range made {
			r.taken[r.late[d.Dataset]] = d
		}
		clear(r.late)
	}
	for _, d := range r.taken {
		if d.nodes == "" {
			continue
		}
		if err := fn(d); err != nil {
			return err
		}
	}
	r.taken = r.taken[:0]
	return nil
}

// unpack returns errPacked for a rendition that does not say what the dataset is today.
func (r *reader) unpack(ctx context.Context, kept catalog.Rendition) (Description, error) {
	if kept.Stamp == "" {
		return Description{}, errPacked
	}
	m, err := r.member(ctx, kept.Member)
	if err != nil {
		return Description{}, err
	}
	if kept.Series {
		if m, err = r.covered(ctx, m); err != nil {
			return Description{}, err
		}
	}
	if kept.Stamp != r.stamps.stamp(m, kept.Version, kept.Modified) {
		return Description{}, errPacked
	}
	return Unpack(kept.Body)
}

func (r *reader) member(ctx context.Context, siren string) (*catalog.Member, error) {
	if m, ok := r.members[siren]; ok {
		return m, nil
	}
	m, err := r.Store.Member(ctx, siren)
	if err != nil {
		return nil, fmt.Errorf("read member %s: %w", siren, err)
	}
	r.members[siren] = &m
	return &m, nil
}

// covered is a member with the box that a series of it covers: its own, or else the one around all members.
func (r *reader) covered(ctx context.Context, m *catalog.Member) (*catalog.Member, error) {
	if shape, _ := r.Site.Outlines.coverage(m); shape != "" {
		return m, nil
	}
	if !r.asked {
		all, _, err := r.Store.Members(ctx, catalog.MemberQuery{})
		if err != nil {
			return nil, fmt.Errorf("read members: %w", err)
		}
		r.around, r.asked = r.Site.Outlines.aroundAll(all), true
	}
	whole := *m
	whole.BBox = r.around
	return &whole, nil
}

// make describes datasets and keeps the descriptions. That they cannot be kept is no reason not to answer a reader: they are made again next time, and the
// subscriber says so.
func (r *reader) make(ctx context.Context, ids []uuid.UUID) ([]Description, error) {
	online, _, err := r.Store.Datasets(ctx, catalog.DatasetQuery{IDs: ids})
	if err != nil {
		return nil, fmt.Errorf("read datasets: %w", err)
	}
	var made []Description
	var kept []catalog.Rendition
	for _, d := range online {
		if d.IsSeries() {
			m, err := r.covered(ctx, &d.Member)
			if err != nil {
				return nil, err
			}
			d.Member = *m
		}
		one := r.Site.Describe(d)
		made = append(made, one)
		kept = append(kept, catalog.Rendition{Dataset: d.ID, Stamp: r.stamps.stamp(&d.Member, d.Version, d.Modified), Body: one.Pack()})
	}
	if err := r.Store.KeepRenditions(ctx, kept...); err != nil && (r.must || ctx.Err() != nil) {
		return nil, err
	}
	return made, nil
}

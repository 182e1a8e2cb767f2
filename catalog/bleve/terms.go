package bleve

import (
	"context"

	index "github.com/blevesearch/bleve_index_api"
)

// count is how many datasets have a term in a field.
func (s *scoring) count(field, term string) uint64 {
	r, err := s.view.reader.TermFieldReader(s.ctx, []byte(term), field, false, false, false)
	if err != nil {
		s.err = err
		return 0
	}
	defer r.Close()
	return r.Count()
}

// term gives the datasets that have a term in a field their worth for the unit numbered k.
func (s *scoring) term(k uint8, field, term string, worth float32) error {
	title := field == fieldTitle || field == fieldInTitle
	return s.view.each(s.ctx, field, term, func(doc uint32) { s.give(k, doc, worth, title, 1) })
}

// give raises what a dataset has for a unit.
func (s *scoring) give(k uint8, doc uint32, worth float32, title bool, words uint8) {
	if s.best[doc] == 0 {
		s.touched = append(s.touched, doc)
	}
	s.best[doc] = max(s.best[doc], worth)
	if title && s.inTitle[doc] != k {
		s.inTitle[doc] = k
		s.titled[doc] += words
	}
}

// all is term for several terms that must be in the field together.
func (s *scoring) all(k uint8, field string, terms []string, worth float32) error {
	if len(terms) == 1 {
		return s.term(k, field, terms[0], worth)
	}
	common := s.docs[0][:0]
	for n, term := range terms {
		next, at := s.docs[1][:0], 0
		err := s.view.each(s.ctx, field, term, func(doc uint32) {
			if n == 0 {
				next = append(next, doc)
				return
			}
			for at < len(common) && common[at] < doc {
				at++
			}
			if at < len(common) && common[at] == doc {
				next = append(next, doc)
			}
		})
		if err != nil {
			return err
		}
		s.docs[0], s.docs[1] = next, common
		if common = next; len(common) == 0 {
			return nil
		}
	}
	for _, doc := range common {
		s.give(k, doc, worth, field == fieldTitle, uint8(len(terms)))
	}
	return nil
}

// each calls fn for the datasets that have a term in a field, by rising number.
func (v *view) each(ctx context.Context, field, term string, fn func(doc uint32)) error {
	r, err := v.reader.TermFieldReader(ctx, []byte(term), field, false, false, false)
	if err != nil {
		return err
	}
	defer r.Close()
	var room index.TermFieldDoc
	for {
		d, err := r.Next(&room)
		if d == nil || err != nil {
			return err
		}
		fn(uint32(d.ID.Value()))
	}
}

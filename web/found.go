package web

import (
	"context"
	"fmt"
	"strconv"

	"grenier/catalog"

	"github.com/google/uuid"
)

const (
	foundRoom = 16 << 20 // bytes of datasets that searches found
	foundSize = 3 << 10  // bytes of one, about, and as many for each twenty columns or files
)

// datasets reads the datasets that a search found, in its order. They are kept while the catalogue stays as it is: reading them costs more than finding
// them. What was withdrawn since the index was told is simply not in the answer. Nobody may change what is returned.
func (s *Server) datasets(ctx context.Context, ids []uuid.UUID) ([]catalog.Dataset, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	seen, err := s.memory.watch.look(ctx)
	if err != nil {
		return nil, err
	}
	revision := strconv.FormatInt(seen.revision, 36) + " "
	all := map[uuid.UUID]catalog.Dataset{}
	var missing []uuid.UUID
	for _, id := range ids {
		if d, ok := s.found.take(revision + id.String()); ok {
			all[id] = d
		} else {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		read, _, err := s.Store.Datasets(ctx, catalog.DatasetQuery{IDs: missing})
		if err != nil {
			return nil, fmt.Errorf("read found datasets: %w", err)
		}
		for _, d := range read {
			all[d.ID] = d
			s.found.put(revision+d.ID.String(), d, int64(foundSize*(1+(len(d.Fields)+len(d.Files))/20)))
		}
	}
	list := make([]catalog.Dataset, 0, len(ids))
	for _, id := range ids {
		if d, ok := all[id]; ok {
			list = append(list, d)
		}
	}
	return list, nil
}

package catalog

import "github.com/google/uuid"

// DatasetID is the identity of a dataset (INTERFACE section 4): a UUIDv5 of the instance's namespace, the member and the key.
// It never depends on a title.
func DatasetID(namespace uuid.UUID, siren, key string) uuid.UUID {
	return uuid.NewSHA1(namespace, []byte(siren+"\n"+key))
}

// FileID is the identity of a distribution: a UUIDv5 of its dataset and its format's name.
func FileID(dataset uuid.UUID, format string) uuid.UUID {
	return uuid.NewSHA1(dataset, []byte(format))
}

// SeriesKey is the key of the dataset that is the series of a schema (INTERFACE section 4).
func SeriesKey(schema string) string { return "serie/" + schema }

// IsSeries tells a dataset of the whole département from a member's own.
func (d Dataset) IsSeries() bool { return d.SchemaName != "" && d.Key == SeriesKey(d.SchemaName) }

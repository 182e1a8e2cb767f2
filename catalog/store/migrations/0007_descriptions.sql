-- +goose Up
-- What the catalogues say of a dataset, ready to be written: derived, and made again whenever stamp is not that of today.
CREATE TABLE renditions (
    dataset TEXT PRIMARY KEY REFERENCES datasets (id),
    stamp   TEXT NOT NULL,
    body    BYTEA NOT NULL
);

-- All that a list of the datasets in creation order needs: their rows are large, and there may be a hundred thousand.
CREATE INDEX datasets_in_order ON datasets (created, id, status, member, key, schema_name, version, modified);

-- +goose Up
-- What people decided, never changed nor deleted: each row carries the hash of the one before (catalog.AuditEntry.Chain).
CREATE TABLE audit (
    seq    BIGINT PRIMARY KEY,
    time   BIGINT NOT NULL,
    actor  TEXT NOT NULL,
    member TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    before TEXT NOT NULL,
    after  TEXT NOT NULL,
    reason TEXT NOT NULL,
    hash   TEXT NOT NULL
);
-- 'audit' is the last row's seq, so that a row missing at the end shows; 'applied' counts the manifests that changed something.
INSERT INTO counters (name, value) VALUES ('audit', 0), ('applied', 0);

-- What readers are told of a dataset that a person withdrew.
CREATE TABLE tombstones (
    dataset   TEXT PRIMARY KEY REFERENCES datasets (id),
    withdrawn BIGINT NOT NULL,
    public    TEXT NOT NULL,
    lifted    BIGINT NOT NULL -- when the next harvest was allowed to publish again, 0 before
);

-- The distributions that withdrawn datasets had: their addresses answer « gone » for ever.
CREATE TABLE withdrawn_files (
    id      TEXT PRIMARY KEY,
    dataset TEXT NOT NULL REFERENCES datasets (id)
);

-- The blobs of withdrawn datasets that are still to be deleted.
CREATE TABLE doomed_blobs (
    key     TEXT PRIMARY KEY,
    dataset TEXT NOT NULL
);

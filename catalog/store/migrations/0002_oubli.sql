-- +goose Up
-- Old runs are deleted: whether a version still names one must not cost a reading of all versions.
CREATE INDEX versions_by_run ON versions (run);

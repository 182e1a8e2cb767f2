-- +goose Up
-- The catalogues of members as they may be harvested: the last one that was accepted, whole, so that it goes on being served when the next one would
-- take something away; and what that one would take away, while it waits for a person (catalog.Feed).
CREATE TABLE feeds (
    path     TEXT PRIMARY KEY,
    member   TEXT NOT NULL,
    accepted BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    summary  TEXT NOT NULL,
    pages    BYTEA NOT NULL,
    held     BIGINT NOT NULL, -- since when a newer one waits, 0 when none does
    losses   TEXT NOT NULL,   -- JSON
    allowed  TEXT NOT NULL    -- JSON: the keys of the losses that a person let pass
);

-- +goose Up
-- What a person decided about a held delivery: who, when, why, and what was online before and after. Never deleted, and it names its runs
-- without holding them back.
CREATE TABLE decisions (
    id           TEXT PRIMARY KEY,
    time         BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    person       TEXT NOT NULL,
    reason       TEXT NOT NULL,
    source       TEXT NOT NULL REFERENCES sources (id),
    dataset      TEXT NOT NULL, -- '' when nothing was ever published
    run          TEXT NOT NULL, -- the held run, '' without
    effect       TEXT NOT NULL, -- the run that carried it out, '' without
    documents    TEXT NOT NULL, -- JSON list
    process      TEXT NOT NULL,
    state_before TEXT NOT NULL, -- JSON
    state_after  TEXT NOT NULL
);
CREATE INDEX decisions_by_source ON decisions (source, time, id);
CREATE INDEX decisions_by_run ON decisions (run);
CREATE INDEX decisions_by_time ON decisions (time, id);

-- The gate of one source, over its recipe's. JSON, '' without.
ALTER TABLE sources ADD COLUMN gate TEXT NOT NULL DEFAULT '';

-- An event also says what it left online: versions are forgotten, the calendar is not.
ALTER TABLE events ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN rows BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN rejected BIGINT NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN valid BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX events_by_dataset ON events (dataset, seq);

-- Of the events so far, what is still known: a withdrawal and a publication say their status, others have that of the run that made them.
UPDATE events SET status = kind WHERE kind <> 'updated';
UPDATE events SET status = COALESCE((SELECT CASE r.status WHEN 'held' THEN 'held' WHEN 'failed' THEN 'stale' ELSE 'published' END
    FROM runs AS r WHERE r.id = events.run), '') WHERE kind = 'updated';
UPDATE events SET rows = COALESCE((SELECT v.rows FROM versions AS v WHERE v.dataset = events.dataset AND v.number = events.version), 0),
    rejected = COALESCE((SELECT v.rejected FROM versions AS v WHERE v.dataset = events.dataset AND v.number = events.version), 0),
    valid = COALESCE((SELECT v.valid FROM versions AS v WHERE v.dataset = events.dataset AND v.number = events.version), FALSE);

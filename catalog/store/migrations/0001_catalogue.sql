-- +goose Up
-- One text for SQLite and PostgreSQL. Times are microseconds since 1970 in UTC, 0 for none; lists and maps are JSON text;
-- identities of datasets and distributions are UUIDs in text.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- A counter is raised by the transaction that uses it, so its order is that of the transactions: a sequence of PostgreSQL
-- would show 8 before 7 when 7 commits last, and whoever reads the events would miss it.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('events', 0), ('syncs', 0);

CREATE TABLE members (
    siren      TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    folded     TEXT NOT NULL,
    kind       TEXT NOT NULL,
    insee      TEXT NOT NULL,
    siret      TEXT NOT NULL,
    population BIGINT NOT NULL,
    email      TEXT NOT NULL,
    website    TEXT NOT NULL,
    bbox       TEXT NOT NULL,
    disabled   BOOLEAN NOT NULL
);
CREATE INDEX members_by_name ON members (folded, siren);

CREATE TABLE recipes (
    name     TEXT PRIMARY KEY,
    text     TEXT NOT NULL,
    hash     TEXT NOT NULL,
    updated  BIGINT NOT NULL,
    disabled BOOLEAN NOT NULL
);

CREATE TABLE sources (
    id            TEXT PRIMARY KEY,
    member        TEXT NOT NULL REFERENCES members (siren),
    recipe        TEXT NOT NULL REFERENCES recipes (name),
    params        TEXT NOT NULL,
    key           TEXT NOT NULL,
    schedule      TEXT NOT NULL,
    disabled      BOOLEAN NOT NULL,
    next_run      BIGINT NOT NULL,
    published_run TEXT NOT NULL, -- the last run that published, '' before
    last_run      TEXT NOT NULL, -- the last run that ended, '' before
    failures      BIGINT NOT NULL,
    history       TEXT NOT NULL  -- accepted rows of the last published versions, newest first
);
CREATE INDEX sources_by_member ON sources (member);
CREATE INDEX sources_by_next_run ON sources (next_run, id);

CREATE TABLE runs (
    id         TEXT PRIMARY KEY,
    source     TEXT NOT NULL REFERENCES sources (id),
    member     TEXT NOT NULL,
    slot       TEXT NOT NULL,
    attempt    BIGINT NOT NULL,
    started    BIGINT NOT NULL,
    ended      BIGINT NOT NULL,
    lease      BIGINT NOT NULL,
    status     TEXT NOT NULL,
    stage      TEXT NOT NULL,
    message    TEXT NOT NULL,
    error      TEXT NOT NULL,
    dataset    TEXT,
    version    BIGINT NOT NULL,
    rows       BIGINT NOT NULL,
    accepted   BIGINT NOT NULL,
    rejected   BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    state      TEXT NOT NULL,
    process    TEXT NOT NULL,
    documents  TEXT NOT NULL,
    columns    TEXT NOT NULL,
    sketch     TEXT NOT NULL,
    quarantine TEXT NOT NULL
);
-- The lease: at most one running run a source, whatever the processes do.
CREATE UNIQUE INDEX runs_running ON runs (source) WHERE status = 'running';
-- Few, for every run is written twice: a member's and a dataset's runs are found through their sources.
CREATE INDEX runs_by_start ON runs (started, id);
CREATE INDEX runs_by_source ON runs (source, started, id);
CREATE INDEX runs_by_trouble ON runs (status, started, id) WHERE status = 'failed' OR status = 'held';
CREATE INDEX runs_by_version ON runs (dataset, version) WHERE version > 0;

-- Reports are large: lists of runs do not read them.
CREATE TABLE reports (
    run    TEXT PRIMARY KEY REFERENCES runs (id),
    report BYTEA NOT NULL -- JSON, zstd
);

CREATE TABLE datasets (
    id             TEXT PRIMARY KEY,
    created        BIGINT NOT NULL UNIQUE, -- seq of the event that made it: creation order
    slug           TEXT NOT NULL UNIQUE,
    key            TEXT NOT NULL,
    member         TEXT NOT NULL REFERENCES members (siren),
    source         TEXT NOT NULL,
    title          TEXT NOT NULL,
    description    TEXT NOT NULL,
    schema_name    TEXT NOT NULL,
    schema_version TEXT NOT NULL,
    schema_url     TEXT NOT NULL,
    keywords       TEXT NOT NULL,
    themes         TEXT NOT NULL,
    hvd            TEXT NOT NULL,
    license        TEXT NOT NULL,
    frequency      TEXT NOT NULL,
    temporal_from  TEXT NOT NULL,
    temporal_to    TEXT NOT NULL,
    issued         BIGINT NOT NULL,
    modified       BIGINT NOT NULL,
    checked        BIGINT NOT NULL,
    status         TEXT NOT NULL,
    version        BIGINT NOT NULL,
    valid          BOOLEAN NOT NULL,
    rows           BIGINT NOT NULL,
    rejected       BIGINT NOT NULL,
    fields         TEXT NOT NULL
);
CREATE INDEX datasets_by_change ON datasets (modified, created);
CREATE INDEX datasets_by_member ON datasets (member, status);
CREATE INDEX datasets_by_schema ON datasets (schema_name, modified);
CREATE INDEX datasets_by_source ON datasets (source);

-- Every slug a dataset ever had: a dataset never takes the address of another, past ones included.
CREATE TABLE slugs (
    slug    TEXT PRIMARY KEY,
    dataset TEXT NOT NULL REFERENCES datasets (id) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE versions (
    dataset   TEXT NOT NULL REFERENCES datasets (id),
    number    BIGINT NOT NULL,
    run       TEXT NOT NULL REFERENCES runs (id),
    published BIGINT NOT NULL,
    rows      BIGINT NOT NULL,
    rejected  BIGINT NOT NULL,
    valid     BOOLEAN NOT NULL,
    PRIMARY KEY (dataset, number)
);

CREATE TABLE files (
    id       TEXT NOT NULL, -- of the distribution, the same in every version
    version  BIGINT NOT NULL,
    dataset  TEXT NOT NULL,
    position BIGINT NOT NULL,
    format   TEXT NOT NULL,
    name     TEXT NOT NULL,
    title    TEXT NOT NULL,
    key      TEXT NOT NULL,
    bytes    BIGINT NOT NULL,
    rows     BIGINT NOT NULL,
    sha256   TEXT NOT NULL,
    modified BIGINT NOT NULL,
    PRIMARY KEY (id, version),
    FOREIGN KEY (dataset, version) REFERENCES versions (dataset, number)
);
CREATE INDEX files_by_version ON files (dataset, version, position);
CREATE INDEX files_by_key ON files (key);

CREATE TABLE events (
    seq     BIGINT PRIMARY KEY,
    time    BIGINT NOT NULL,
    kind    TEXT NOT NULL,
    dataset TEXT NOT NULL,
    version BIGINT NOT NULL,
    run     TEXT NOT NULL
);

CREATE TABLE cursors (
    subscriber TEXT PRIMARY KEY,
    seq        BIGINT NOT NULL
);

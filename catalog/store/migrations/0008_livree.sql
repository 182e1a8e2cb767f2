-- +goose Up
-- What a member puts on its pages: the name of its mark in logos, and its two colours, "#1f4d5c #a84b18"; '' without.
ALTER TABLE members ADD COLUMN logo TEXT NOT NULL DEFAULT '';
ALTER TABLE members ADD COLUMN colours TEXT NOT NULL DEFAULT '';

-- The marks, by hash and kind: small pictures that were found harmless, kept here so that a copy of the catalogue has them.
CREATE TABLE logos (
    name TEXT PRIMARY KEY,
    data BYTEA NOT NULL
);

-- +goose Up
-- From which document and line each row of a version came: a blob that is never public by itself. JSON of a file, '' without.
ALTER TABLE versions ADD COLUMN origins TEXT NOT NULL DEFAULT '';
-- The schemas for which a member's rows count when another member publishes the same ones. JSON list.
ALTER TABLE members ADD COLUMN mandates TEXT NOT NULL DEFAULT '';

-- Runs of the same key are never under way together. A projection of the first event.
ALTER TABLE runs ADD COLUMN concurrency text;

CREATE INDEX runs_by_key ON runs (concurrency, id) WHERE ended = 0 AND concurrency IS NOT NULL;

-- What is needed to forget runs that have ended long ago, and to know what of theirs is still wanted.

-- Which runs name which bytes: a projection of the events `artifact_kept`.
CREATE TABLE artifact_refs (
    digest TEXT NOT NULL,
    run    TEXT NOT NULL REFERENCES runs (id),
    PRIMARY KEY (digest, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX artifact_refs_by_run ON artifact_refs (run);

-- The logs that are there already. An event's kind stands first in its body.
INSERT INTO artifact_refs (digest, run)
SELECT DISTINCT json_extract(body, '$.artifact.digest'), run
FROM events
WHERE body LIKE '{"type":"artifact\_kept"%' ESCAPE '\';

-- When the log of its run was removed; not part of what is sealed.
ALTER TABLE receipts ADD COLUMN log_gone_at INTEGER;

-- Fires up to this instant are kept row by row no more: none of them happens again.
ALTER TABLE schedules ADD COLUMN forgotten INTEGER;

CREATE INDEX runs_ended ON runs (updated_at, id) WHERE ended = 1;
CREATE INDEX runs_by_definition ON runs (definition);

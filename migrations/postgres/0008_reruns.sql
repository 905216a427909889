-- The run that a run goes on from, so that no two do the rest of one. A projection of the first event.
ALTER TABLE runs ADD COLUMN rerun_of text COLLATE "C";

-- The logs that are there already. They are not read as JSON, which may not hold the character 0 here;
-- before this place, nothing in a request is an object with a field `of`.
UPDATE runs SET rerun_of = (
    SELECT substring(body from '"rerun":\{"of":"([0-9a-f-]{36})"') FROM events WHERE run = runs.id AND seq = 1
);

CREATE INDEX runs_by_rerun ON runs (rerun_of) WHERE rerun_of IS NOT NULL;

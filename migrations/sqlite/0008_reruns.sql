-- The run that a run goes on from, so that no two do the rest of one. A projection of the first event.
ALTER TABLE runs ADD COLUMN rerun_of TEXT;

-- The logs that are there already.
UPDATE runs SET rerun_of = (
    SELECT json_extract(body, '$.rerun.of') FROM events WHERE run = runs.id AND seq = 1
);

CREATE INDEX runs_by_rerun ON runs (rerun_of) WHERE rerun_of IS NOT NULL;

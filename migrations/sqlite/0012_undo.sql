-- The run that a run takes back, so that no two take back the same one; and when a run began, so that none
-- is taken back on which a later one builds. Projections of its events.
ALTER TABLE runs ADD COLUMN undo_of TEXT;
ALTER TABLE runs ADD COLUMN began INTEGER;

-- The logs that are there already: none of them takes another one back.
UPDATE runs SET began = (
    SELECT MIN(at) FROM events WHERE run = runs.id AND body = '{"type":"started"}'
);

CREATE INDEX runs_by_undo ON runs (undo_of) WHERE undo_of IS NOT NULL;
CREATE INDEX runs_by_beginning ON runs (began) WHERE began IS NOT NULL;

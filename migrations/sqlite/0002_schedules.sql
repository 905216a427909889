-- What has become of schedules. What they are stands in the workflows' files.

CREATE TABLE schedules (
    name      TEXT PRIMARY KEY,
    -- Expression and zone as they were last seen: others have missed nothing.
    timing    TEXT NOT NULL,
    -- Fires up to this instant have been dealt with.
    seen      INTEGER NOT NULL,
    paused_by TEXT,
    paused_at INTEGER,
    -- When it was noticed that no file has it any more.
    gone_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE fires (
    schedule TEXT NOT NULL REFERENCES schedules (name),
    at       INTEGER NOT NULL,
    -- NULL: it was passed over, and may still get its run when the clock comes to it again.
    run      TEXT REFERENCES runs (id),
    note     TEXT,
    PRIMARY KEY (schedule, at)
) STRICT, WITHOUT ROWID;

CREATE INDEX fires_by_run ON fires (run) WHERE run IS NOT NULL;

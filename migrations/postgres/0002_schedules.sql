-- What has become of schedules. What they are stands in the workflows' files.

CREATE TABLE schedules (
    name      text COLLATE "C" PRIMARY KEY,
    -- Expression and zone as they were last seen: others have missed nothing.
    timing    text   NOT NULL,
    -- Fires up to this instant have been dealt with.
    seen      bigint NOT NULL,
    paused_by text,
    paused_at bigint,
    -- When it was noticed that no file has it any more.
    gone_at   bigint
);

CREATE TABLE fires (
    schedule text COLLATE "C" NOT NULL REFERENCES schedules (name),
    at       bigint NOT NULL,
    -- NULL: it was passed over, and may still get its run when the clock comes to it again.
    run      text COLLATE "C" REFERENCES runs (id),
    note     text,
    PRIMARY KEY (schedule, at)
);

CREATE INDEX fires_by_run ON fires (run) WHERE run IS NOT NULL;

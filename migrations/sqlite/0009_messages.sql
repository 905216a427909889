-- What chats show of runs: the messages that are edited as a run goes on, until its end is shown.

CREATE TABLE run_messages (
    run       TEXT NOT NULL REFERENCES runs (id),
    -- `whole`, or `headline`, from which the thread hangs that has the whole.
    part      TEXT NOT NULL,
    platform  TEXT NOT NULL,
    channel   TEXT NOT NULL,
    in_thread INTEGER NOT NULL,
    -- What the platform calls it; NULL: there is none, as far as is known.
    remote    TEXT,
    -- When the platform was asked to make it, while no answer is written down.
    tried_at  INTEGER,
    -- How often it was made anew.
    remade    INTEGER NOT NULL DEFAULT 0,
    settled   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, part)
) STRICT, WITHOUT ROWID;

CREATE INDEX run_messages_open ON run_messages (platform, run) WHERE settled = 0;

-- Which commands a chat has been given, by whose they are and where they are: they are not sent again.
CREATE TABLE published_commands (
    scope  TEXT PRIMARY KEY,
    digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;

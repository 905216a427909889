-- The log is the truth; `runs` is a projection of it, made in the same transaction.

CREATE TABLE definitions (
    digest TEXT PRIMARY KEY,
    body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id              TEXT PRIMARY KEY,
    workflow        TEXT NOT NULL,
    definition      TEXT NOT NULL REFERENCES definitions (digest),
    status          TEXT NOT NULL,
    ended           INTEGER NOT NULL DEFAULT 0,
    requested_by    TEXT NOT NULL,
    requested_at    INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    summary         TEXT,
    idempotency_key TEXT,
    UNIQUE (requested_by, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_unfinished ON runs (id) WHERE ended = 0;

CREATE TABLE events (
    run  TEXT NOT NULL REFERENCES runs (id),
    seq  INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    v    INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

-- What a step has said, a line a row; not part of the log.
CREATE TABLE step_lines (
    run  TEXT NOT NULL REFERENCES runs (id),
    step TEXT NOT NULL,
    n    INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (run, step, n)
) STRICT, WITHOUT ROWID;

-- Written unsealed in the transaction that it attests; the sealer fills in the rest, in order.
CREATE TABLE receipts (
    id        INTEGER PRIMARY KEY,
    run       TEXT UNIQUE,
    content   TEXT NOT NULL,
    texts     TEXT NOT NULL,
    seq       INTEGER UNIQUE,
    prev      TEXT,
    hash      TEXT,
    signature TEXT
) STRICT;

CREATE INDEX receipts_unsealed ON receipts (id) WHERE seq IS NULL;

-- What people are still to be told, and how far the receipts have been turned into notices.

CREATE TABLE telling (
    only           INTEGER PRIMARY KEY CHECK (only = 1),
    -- Receipts up to this place have been told, or need not be.
    receipt        INTEGER NOT NULL,
    -- Digests that were due up to this instant have been told; NULL: there was none yet.
    digest_at      INTEGER,
    -- Receipts up to this place have been in a digest.
    digest_receipt INTEGER NOT NULL
) STRICT;

CREATE TABLE outbox (
    -- The order of a place. Never used twice: whoever sends one marks it by this.
    n        INTEGER PRIMARY KEY AUTOINCREMENT,
    place    TEXT NOT NULL,
    id       TEXT NOT NULL,
    notice   TEXT NOT NULL,
    -- Whether it asks people for something. Such a one is kept when it was told, as long as it asks.
    asks     INTEGER NOT NULL,
    told     INTEGER NOT NULL DEFAULT 0,
    put_at   INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at  INTEGER NOT NULL,
    problem  TEXT,
    UNIQUE (place, id)
) STRICT;

CREATE INDEX outbox_waiting ON outbox (place, n) WHERE told = 0;

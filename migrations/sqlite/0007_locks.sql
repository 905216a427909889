-- What persons have to themselves. A lock that has expired stays until its removal is in the books.

CREATE TABLE locks (
    -- SYSTEM, or SYSTEM/SERVICE.
    target TEXT PRIMARY KEY,
    owner  TEXT NOT NULL,
    reason TEXT NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

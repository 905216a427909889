-- What systems have told of changes on them, whoever made them: each once, whatever told it again. The
-- body is JSON. Kept for some days.
CREATE TABLE stack_changes (
    system TEXT NOT NULL,
    at INTEGER NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (system, at, key)
) STRICT, WITHOUT ROWID;

-- The times in which nothing of them was missed. The last of a system goes on while it is listened to.
CREATE TABLE watched (
    system TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    goes_on INTEGER NOT NULL,
    PRIMARY KEY (system, since)
) STRICT, WITHOUT ROWID;

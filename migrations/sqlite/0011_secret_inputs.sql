-- What runs were given in inputs that are declared secret, each sealed as secrets are.

CREATE TABLE given_secrets (
    run    TEXT NOT NULL REFERENCES runs (id),
    input  TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (run, input)
) STRICT, WITHOUT ROWID;

-- Windows in which chats ask for the secret options of a command, with what was said with it.

CREATE TABLE asked_windows (
    platform TEXT NOT NULL,
    -- What the platform calls the doing that they were asked by.
    id       TEXT NOT NULL,
    -- Whom the platform showed it.
    person   TEXT NOT NULL,
    command  TEXT NOT NULL,
    options  TEXT NOT NULL,
    until    INTEGER NOT NULL,
    PRIMARY KEY (platform, id)
) STRICT, WITHOUT ROWID;

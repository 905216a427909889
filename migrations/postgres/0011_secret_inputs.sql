-- What runs were given in inputs that are declared secret, each sealed as secrets are.

CREATE TABLE given_secrets (
    run    text COLLATE "C" NOT NULL REFERENCES runs (id),
    input  text COLLATE "C" NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (run, input)
);

-- Windows in which chats ask for the secret options of a command, with what was said with it.

CREATE TABLE asked_windows (
    platform text COLLATE "C" NOT NULL,
    -- What the platform calls the doing that they were asked by.
    id       text COLLATE "C" NOT NULL,
    -- Whom the platform showed it.
    person   text   NOT NULL,
    command  text   NOT NULL,
    options  text   NOT NULL,
    until    bigint NOT NULL,
    PRIMARY KEY (platform, id)
);

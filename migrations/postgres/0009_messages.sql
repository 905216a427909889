-- What chats show of runs: the messages that are edited as a run goes on, until its end is shown.

CREATE TABLE run_messages (
    run       text COLLATE "C" NOT NULL REFERENCES runs (id),
    -- `whole`, or `headline`, from which the thread hangs that has the whole.
    part      text COLLATE "C" NOT NULL,
    platform  text NOT NULL,
    channel   text NOT NULL,
    in_thread bigint NOT NULL,
    -- What the platform calls it; NULL: there is none, as far as is known.
    remote    text,
    -- When the platform was asked to make it, while no answer is written down.
    tried_at  bigint,
    -- How often it was made anew.
    remade    bigint NOT NULL DEFAULT 0,
    settled   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (run, part)
);

CREATE INDEX run_messages_open ON run_messages (platform, run) WHERE settled = 0;

-- Which commands a chat has been given, by whose they are and where they are: they are not sent again.
CREATE TABLE published_commands (
    scope  text COLLATE "C" PRIMARY KEY,
    digest text NOT NULL
);

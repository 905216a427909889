-- Secrets, each sealed as a file of age (binary) for the identity in secrets.key.

CREATE TABLE secrets (
    name   text COLLATE "C" PRIMARY KEY,
    sealed bytea  NOT NULL,
    set_at bigint NOT NULL,
    set_by text   NOT NULL
);

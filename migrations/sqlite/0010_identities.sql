-- Identities of chats that belong to a person who has said so, by a code.

CREATE TABLE identities (
    platform  TEXT NOT NULL,
    -- What the platform calls it.
    id        TEXT NOT NULL,
    person    TEXT NOT NULL,
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (platform, id)
) STRICT, WITHOUT ROWID;

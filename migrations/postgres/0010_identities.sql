-- Identities of chats that belong to a person who has said so, by a code.

CREATE TABLE identities (
    platform  text COLLATE "C" NOT NULL,
    -- What the platform calls it.
    id        text COLLATE "C" NOT NULL,
    person    text NOT NULL,
    linked_at bigint NOT NULL,
    PRIMARY KEY (platform, id)
);

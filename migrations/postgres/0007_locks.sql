-- What persons have to themselves. A lock that has expired stays until its removal is in the books.

CREATE TABLE locks (
    -- SYSTEM, or SYSTEM/SERVICE.
    target text COLLATE "C" PRIMARY KEY,
    owner  text   NOT NULL,
    reason text   NOT NULL,
    since  bigint NOT NULL,
    until  bigint NOT NULL
);

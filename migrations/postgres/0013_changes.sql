-- What systems have told of changes on them, whoever made them: each once, whatever told it again. The
-- body is JSON. Kept for some days.
CREATE TABLE stack_changes (
    system text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (system, at, key)
);

-- The times in which nothing of them was missed. The last of a system goes on while it is listened to.
CREATE TABLE watched (
    system text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    until bigint NOT NULL,
    goes_on integer NOT NULL,
    PRIMARY KEY (system, since)
);

-- Times are milliseconds since 1970, 0 for none.
PRAGMA application_id = 1347638098; -- "PSSR"

CREATE TABLE contact (
    account   BLOB PRIMARY KEY CHECK (length(account) = 32),
    alias     TEXT NOT NULL,
    alias_key TEXT UNIQUE,   -- the alias with its case folded; NULL: no alias
    self_name TEXT NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('requested', 'pending', 'accepted')),
    since     INTEGER NOT NULL
) STRICT;

CREATE TABLE transfer (
    id        TEXT PRIMARY KEY,
    direction TEXT NOT NULL CHECK (direction IN ('outgoing', 'incoming')),
    account   BLOB NOT NULL CHECK (length(account) = 32),
    device    BLOB NOT NULL, -- the peer ID's bytes; empty: not known yet
    name      TEXT NOT NULL,
    file      BLOB NOT NULL, -- a path, which need not be UTF-8
    size      INTEGER NOT NULL,
    bytes     INTEGER NOT NULL,
    state     TEXT NOT NULL,
    ended     INTEGER NOT NULL CHECK (ended IN (0, 1)),
    reason    TEXT NOT NULL,
    code      TEXT NOT NULL,
    sum       TEXT NOT NULL,
    path_kind TEXT NOT NULL,
    path      BLOB NOT NULL, -- details of the path, JSON; empty: none
    created   INTEGER NOT NULL,
    updated   INTEGER NOT NULL
) STRICT;

CREATE INDEX transfer_created ON transfer (created, id);

CREATE TABLE record (
    key TEXT PRIMARY KEY,
    raw BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blob (
    name  TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

PRAGMA user_version = 1;

INSERT INTO contact VALUES (x'0100000000000000000000000000000000000000000000000000000000000000', 'Bob', 'bob', 'Robert', 'accepted', 1795400000123);
INSERT INTO transfer VALUES ('00112233aabbccdd', 'incoming', x'0100000000000000000000000000000000000000000000000000000000000000', x'', 'a.txt', x'2f746d702f612e747874', 5, 5, 'finished', 1, '', '', '', 'direct', x'7b22727474223a317d', 1795400000123, 1795400000456);
INSERT INTO record VALUES ('/passeur-acct/x', x'7265636f7264');
INSERT INTO blob VALUES ('ring', x'736563726574');

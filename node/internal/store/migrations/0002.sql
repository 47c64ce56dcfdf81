-- Files of conversations. Times are milliseconds since 1970, 0 for none.

-- What an older transfer belongs to is not known: to no conversation.
ALTER TABLE transfer ADD COLUMN conversation BLOB NOT NULL DEFAULT x'' CHECK (length(conversation) IN (0, 32));
ALTER TABLE transfer ADD COLUMN entry BLOB NOT NULL DEFAULT x'' CHECK (length(entry) IN (0, 32));
ALTER TABLE transfer ADD COLUMN exact INTEGER NOT NULL DEFAULT 0 CHECK (exact IN (0, 1));

-- What each device does with one outgoing transfer, in the order of the rows.
CREATE TABLE part (
    number    INTEGER PRIMARY KEY,
    transfer  TEXT NOT NULL REFERENCES transfer (id) ON DELETE CASCADE,
    device    BLOB NOT NULL, -- the peer ID's bytes; empty: the account's devices are not known
    account   BLOB NOT NULL CHECK (length(account) = 32),
    state     TEXT NOT NULL,
    bytes     INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    code      TEXT NOT NULL,
    path_kind TEXT NOT NULL,
    path      BLOB NOT NULL, -- as in transfer
    updated   INTEGER NOT NULL,
    UNIQUE (transfer, device, account)
) STRICT;

-- Where the file of an entry lies.
CREATE TABLE held (
    conversation BLOB NOT NULL CHECK (length(conversation) = 32),
    entry        BLOB NOT NULL CHECK (length(entry) = 32),
    path         BLOB NOT NULL CHECK (length(path) > 0), -- need not be UTF-8
    size         INTEGER NOT NULL CHECK (size >= 0),     -- the announced one
    sum          TEXT NOT NULL CHECK (length(sum) = 128), -- the announced SHA3-512, hex
    source       INTEGER NOT NULL CHECK (source IN (0, 1)),
    since        INTEGER NOT NULL,
    -- What the file was like when its bytes were last read, the times in
    -- nanoseconds since 1970; 0 for what the system does not tell.
    seen_size     INTEGER NOT NULL,
    seen_modified INTEGER NOT NULL,
    seen_changed  INTEGER NOT NULL,
    seen_inode    INTEGER NOT NULL,
    same          INTEGER NOT NULL CHECK (same IN (0, 1)), -- they were the announced ones
    settled       INTEGER NOT NULL CHECK (settled IN (0, 1)), -- a change since then shows in the above
    PRIMARY KEY (conversation, entry)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;

-- The numbers of entries are conversation.key * 2^32 + their place in the order
-- of arrival: 0, 1, 2 … without a gap. Parents have lower numbers than children.
-- Times are milliseconds since 1970.
PRAGMA application_id = 1347636295; -- "PSLG"

-- Account and device keys: Ed25519, 32 bytes each.
CREATE TABLE party (
    key   INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL UNIQUE CHECK (length(bytes) = 32)
) STRICT;

CREATE TABLE conversation (
    key     INTEGER PRIMARY KEY CHECK (key BETWEEN 1 AND 2147483647),
    id      BLOB NOT NULL UNIQUE CHECK (length(id) = 32), -- of its first entry
    creator INTEGER NOT NULL,          -- party
    mode    TEXT NOT NULL,
    other   INTEGER,                   -- party; of a one-to-one conversation only
    name    TEXT NOT NULL,             -- hostile text
    caught  INTEGER NOT NULL CHECK (caught IN (0, 1)) -- everything that a peer had was taken once
) STRICT;

-- What was received or written, byte for byte. All tables further down to
-- "device" can be rebuilt from this one.
CREATE TABLE raw (
    n         INTEGER PRIMARY KEY,
    header    BLOB NOT NULL,
    signature BLOB NOT NULL,
    body      BLOB,                    -- NULL: deleted, or not received
    seen      INTEGER NOT NULL         -- when it was stored here
) STRICT;

CREATE TABLE entry (
    n       INTEGER PRIMARY KEY,
    id      BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
    conv    INTEGER NOT NULL,          -- conversation
    account INTEGER NOT NULL,          -- party
    device  INTEGER NOT NULL,          -- party
    time    INTEGER NOT NULL,
    depth   INTEGER NOT NULL,          -- 0: the first; else 1 + the deepest parent's
    type    TEXT NOT NULL,
    parents BLOB NOT NULL,             -- their places, as varints: the first, then differences
    action  TEXT NOT NULL,             -- '' for data
    target  INTEGER,                   -- party: the account, or the device that is revoked
    rank    INTEGER NOT NULL,          -- of its author in its own past
    void    INTEGER NOT NULL CHECK (void IN (0, 1)),
    missing INTEGER NOT NULL CHECK (missing IN (0, 1)), -- its body is not here
    quiet   INTEGER NOT NULL CHECK (quiet IN (0, 1)),   -- an edit, a merge, or a note between own devices
    shown   INTEGER NOT NULL CHECK (shown IN (0, 1))    -- neither void, quiet, nor an edit that was deleted
) STRICT;
CREATE INDEX entry_all     ON entry (conv, time, depth, id);
CREATE INDEX entry_shown   ON entry (conv, time, depth, id) WHERE shown = 1;
CREATE INDEX entry_typed   ON entry (conv, type, time, depth, id) WHERE type <> 'text/plain';
CREATE INDEX entry_missing ON entry (n) WHERE missing = 1;

-- Live entries that no live entry follows.
CREATE TABLE head (n INTEGER PRIMARY KEY) STRICT;

-- What an entry says it does to earlier ones of its author and type.
CREATE TABLE link (
    target INTEGER NOT NULL,           -- entry
    n      INTEGER NOT NULL,           -- entry: the later one
    kind   INTEGER NOT NULL CHECK (kind IN (0, 1, 2)), -- edits, deletes, deletes along with another
    PRIMARY KEY (target, n, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_n ON link (n);

CREATE TABLE member (
    conv    INTEGER NOT NULL,
    account INTEGER NOT NULL,
    status  TEXT NOT NULL,
    rank    INTEGER NOT NULL,          -- of the entry that decided it
    PRIMARY KEY (conv, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE revoked (
    account INTEGER NOT NULL,
    device  INTEGER NOT NULL,
    conv    INTEGER NOT NULL,
    PRIMARY KEY (account, device, conv)
) STRICT, WITHOUT ROWID;

-- How much of each account is stored: the entries, those of them that are
-- control, and the bytes.
CREATE TABLE usage (
    conv    INTEGER NOT NULL,
    account INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    control INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,
    PRIMARY KEY (conv, account)
) STRICT, WITHOUT ROWID;

-- Devices whose certificates are in the log.
CREATE TABLE device (
    conv    INTEGER NOT NULL,
    account INTEGER NOT NULL,
    device  INTEGER NOT NULL,
    PRIMARY KEY (conv, account, device)
) STRICT, WITHOUT ROWID;

-- How many more quotas the user granted.
CREATE TABLE allowance (
    conv    INTEGER NOT NULL,
    account INTEGER NOT NULL,
    times   INTEGER NOT NULL,
    PRIMARY KEY (conv, account)
) STRICT, WITHOUT ROWID;

-- What a peer device and this one both had when they last met: IDs, end to end.
CREATE TABLE common (
    conv  INTEGER NOT NULL,
    peer  BLOB NOT NULL,
    heads BLOB NOT NULL,
    PRIMARY KEY (conv, peer)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;

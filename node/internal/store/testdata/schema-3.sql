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


-- Files with a tree of sums (SHA3-256), and folders.

ALTER TABLE transfer ADD COLUMN tree TEXT NOT NULL DEFAULT '' CHECK (length(tree) IN (0, 64)); -- its root, hex
ALTER TABLE transfer ADD COLUMN manifest INTEGER NOT NULL DEFAULT 0 CHECK (manifest >= 0);     -- bytes of a folder's; 0: a file

-- A held file's SHA3-512 may not be known yet.
CREATE TABLE held_3 (
    conversation BLOB NOT NULL CHECK (length(conversation) = 32),
    entry        BLOB NOT NULL CHECK (length(entry) = 32),
    path         BLOB NOT NULL CHECK (length(path) > 0), -- need not be UTF-8
    size         INTEGER NOT NULL CHECK (size >= 0),     -- the announced one
    sum          TEXT NOT NULL CHECK (length(sum) IN (0, 128)), -- the announced SHA3-512, hex
    tree         TEXT NOT NULL CHECK (length(tree) IN (0, 64)), -- the root of the announced tree, hex
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
    PRIMARY KEY (conversation, entry),
    CHECK (sum <> '' OR tree <> '')
) STRICT, WITHOUT ROWID;

INSERT INTO held_3 (conversation, entry, path, size, sum, tree, source, since,
    seen_size, seen_modified, seen_changed, seen_inode, same, settled)
SELECT conversation, entry, path, size, sum, '', source, since,
    seen_size, seen_modified, seen_changed, seen_inode, same, settled FROM held;
DROP TABLE held;
ALTER TABLE held_3 RENAME TO held;
CREATE INDEX held_tree ON held (tree);

-- The trees of held files.
CREATE TABLE tree (
    root     TEXT NOT NULL PRIMARY KEY CHECK (length(root) = 64), -- hex
    units    BLOB NOT NULL CHECK (length(units) % 32 = 0), -- the sums of the units, one after the other
    manifest BLOB NOT NULL -- the beginning of a folder; empty: a file
) STRICT;

PRAGMA user_version = 3;

INSERT INTO contact VALUES (x'0100000000000000000000000000000000000000000000000000000000000000', 'Bob', 'bob', 'Robert', 'accepted', 1795400000123);
INSERT INTO transfer VALUES ('00112233aabbccdd', 'incoming', x'0100000000000000000000000000000000000000000000000000000000000000', x'', 'a.txt', x'2f746d702f612e747874', 5, 5, 'finished', 1, '', '', '', 'direct', x'7b22727474223a317d', 1795400000123, 1795400000456, x'', x'', 0, '', 0);
INSERT INTO transfer VALUES ('8899aabbccddeeff', 'outgoing', x'0000000000000000000000000000000000000000000000000000000000000000', x'', 'b.txt', x'2f746d702f622e747874', 6, 3, 'ongoing', 0, '', '', '', '', x'', 1795400000124, 1795400000457, x'0200000000000000000000000000000000000000000000000000000000000000', x'0300000000000000000000000000000000000000000000000000000000000000', 1, 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 0);
INSERT INTO part VALUES (7, '8899aabbccddeeff', x'002401', x'0100000000000000000000000000000000000000000000000000000000000000', 'ongoing', 3, '', '', 'direct', x'7b22727474223a317d', 1795400000457);
INSERT INTO part VALUES (8, '8899aabbccddeeff', x'002400', x'0100000000000000000000000000000000000000000000000000000000000000', 'closed-by-peer', 0, 'no', 'refused', '', x'', 1795400000456);
INSERT INTO held VALUES (x'0200000000000000000000000000000000000000000000000000000000000000', x'0300000000000000000000000000000000000000000000000000000000000000', x'2f746d702fff', 6, 'abababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababababab', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 1, 1795400000124, 6, -1, 1795400000123456789, -2, 1, 1);
INSERT INTO record VALUES ('/passeur-acct/x', x'7265636f7264');
INSERT INTO blob VALUES ('ring', x'736563726574');
INSERT INTO held VALUES (x'0200000000000000000000000000000000000000000000000000000000000000', x'0400000000000000000000000000000000000000000000000000000000000000', x'2f746d702f64', 7, '', 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', 0, 1795400000125, 7, 1, 2, 3, 1, 1);
INSERT INTO tree VALUES ('efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', x'0909090909090909090909090909090909090909090909090909090909090909', x'6d');

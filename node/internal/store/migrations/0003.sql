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

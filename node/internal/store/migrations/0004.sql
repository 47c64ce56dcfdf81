-- Rules that decide about offers. Times are milliseconds since 1970, 0 for none.

ALTER TABLE transfer ADD COLUMN rule TEXT NOT NULL DEFAULT ''; -- the rule that accepted it; empty: a person did
-- How the user made sure who a contact is; of an older contact it is not known.
ALTER TABLE contact ADD COLUMN verified TEXT NOT NULL DEFAULT '' CHECK (verified IN ('', 'code', 'person'));

-- What came by each rule on a day: a transfer that has ended may be forgotten, and
-- what it took still counts.
CREATE TABLE taken (
    rule  TEXT NOT NULL,
    day   INTEGER NOT NULL, -- days since 1970, UTC
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    files INTEGER NOT NULL CHECK (files >= 0),
    PRIMARY KEY (rule, day)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 4;

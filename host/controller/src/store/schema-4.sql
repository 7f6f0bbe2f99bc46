-- Version 4: upkeep of the state, and conditions that an operator should know of.

-- One row.
CREATE TABLE upkeep (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    checked INTEGER,                        -- last check of the whole file; it found no damage
    pruned INTEGER,                         -- last removal of what is too old or too much
    suspect INTEGER                         -- start of the last round, if the clock had jumped before it and it did nothing
) STRICT;
INSERT INTO upkeep (id) VALUES (1);

-- Conditions that hold at the end of the last round.
CREATE TABLE conditions (
    kind TEXT NOT NULL,                     -- conditions/mod.rs
    subject TEXT NOT NULL,                  -- the feed, log source or recipient; empty where there is only one
    what TEXT NOT NULL,                     -- for people
    since INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

-- First failed poll of those in a row; NULL after a good one.
ALTER TABLE feeds ADD COLUMN failing_since INTEGER;

-- Events that the cluster's nodes did not check.
ALTER TABLE push ADD COLUMN unchecked TEXT;                             -- JSON: counts by node, when they were asked last
ALTER TABLE push ADD COLUMN newly_unchecked INTEGER NOT NULL DEFAULT 0; -- by how much they grew since the time before

-- One word for what is not taken.
ALTER TABLE left_out RENAME TO rejections;
DROP INDEX left_out_by_indicator;
CREATE INDEX rejections_by_indicator ON rejections (feed, origin, indicator);

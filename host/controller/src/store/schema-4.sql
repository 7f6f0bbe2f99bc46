-- Version 4: upkeep of the state, and conditions that an operator should know about.

-- One row.
CREATE TABLE upkeep (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    checked INTEGER,                        -- time of the last full check that found no damage
    pruned INTEGER,                         -- time of the last removal of old and surplus rows
    suspect INTEGER                         -- start of the last round, if it did nothing because
                                            -- the clock had jumped before it
) STRICT;
INSERT INTO upkeep (id) VALUES (1);

-- Conditions that hold at the end of the last round.
CREATE TABLE conditions (
    kind TEXT NOT NULL,                     -- conditions/mod.rs
    subject TEXT NOT NULL,                  -- the feed, log source or recipient; empty if there is
                                            -- only one
    what TEXT NOT NULL,                     -- for people
    since INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;

-- Time of the first of the failed polls in a row; NULL after a successful poll.
ALTER TABLE feeds ADD COLUMN failing_since INTEGER;

-- Unchecked events on the cluster's nodes.
-- JSON: counts by node, from the last query.
ALTER TABLE push ADD COLUMN unchecked TEXT;
-- Increase since the query before.
ALTER TABLE push ADD COLUMN newly_unchecked INTEGER NOT NULL DEFAULT 0;

-- One word for everything that is not used: rejected.
ALTER TABLE left_out RENAME TO rejections;
DROP INDEX left_out_by_indicator;
CREATE INDEX rejections_by_indicator ON rejections (feed, origin, indicator);

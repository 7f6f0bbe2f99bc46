-- Version 8: backfills of a cluster's events that somebody asked for.

CREATE TABLE backfills (
    id INTEGER PRIMARY KEY,
    asked INTEGER NOT NULL,
    asked_by TEXT NOT NULL,                 -- name of the client
    indices TEXT NOT NULL,                  -- JSON: names and patterns; [] for those of the
                                            -- configuration
    since INTEGER,                          -- events from this time on; NULL without a limit
    until INTEGER,                          -- and before this time
    way TEXT,                               -- NULL: that of the configuration
    state INTEGER NOT NULL DEFAULT 0,       -- 0 queued, 1 running, 2 done, 3 failed, 4 cancelled
    started INTEGER,
    ended INTEGER,
    read INTEGER NOT NULL DEFAULT 0,        -- events that were read
    flagged INTEGER NOT NULL DEFAULT 0,     -- events whose flags were written
    refused INTEGER NOT NULL DEFAULT 0,     -- events that their index refused
    refusal TEXT,                           -- the first reason
    unchecked INTEGER NOT NULL DEFAULT 0,   -- events that the matcher gave no answer for
    done INTEGER NOT NULL DEFAULT 0,        -- sequence numbers that are done, of all shards
    total INTEGER NOT NULL DEFAULT 0,
    outcome TEXT                            -- for people; NULL until it ended
) STRICT;

-- The place that such a backfill has reached in each shard, until it ends.
CREATE TABLE backfill_shards (
    backfill INTEGER NOT NULL REFERENCES backfills (id) ON DELETE CASCADE,
    shard INTEGER NOT NULL REFERENCES shards (id) ON DELETE CASCADE,
    done INTEGER NOT NULL DEFAULT -1,       -- events up to this sequence number are matched
    until INTEGER NOT NULL,                 -- the last one to match
    PRIMARY KEY (backfill, shard)
) STRICT, WITHOUT ROWID;
CREATE INDEX backfill_shards_by_shard ON backfill_shards (shard);

-- 1 if rounds match the shard's events, 0 if only somebody asked for them.
ALTER TABLE shards ADD COLUMN of_rounds INTEGER NOT NULL DEFAULT 1;

-- Version 3: stored lines are matched again with the blacklist in use, not with what was new once.

-- Files whose stored lines are to be matched again, a row each. A change while a pass is under way does
-- not start it from the front: the pass goes on to the file's end, and then over what it had done before.
CREATE TABLE history (
    file INTEGER PRIMARY KEY REFERENCES files (id),
    since INTEGER NOT NULL,                 -- when the first change was made that asks for it
    done INTEGER NOT NULL DEFAULT 0,        -- bytes of the decompressed stream matched in this pass
    until INTEGER NOT NULL,                 -- where this pass ends
    again INTEGER NOT NULL DEFAULT 0,       -- first bytes of the stream that need one more pass after it
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `done`
    header BLOB,                            -- the log's own header lines in force at `done` (Zeek)
    missed TEXT,                            -- why it could not be read the last time; NULL when it could
    missed_since INTEGER                    -- when that began
) STRICT;
-- What was under way or missed begins again.
INSERT INTO history (file, since, until)
    SELECT file, min(created), max(until) FROM history_files JOIN history_jobs ON history_jobs.id = job
    WHERE (ended IS NULL AND done < until) OR missed IS NOT NULL GROUP BY file;
DROP TABLE history_files;
DROP TABLE history_jobs;

-- 1 when the flags of an indicator went with it (revoked, retracted): it is new when it comes back.
ALTER TABLE pending ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;

-- JSON: what else decided which lines match. What lets more in has stored lines matched again.
ALTER TABLE builds ADD COLUMN built_rules TEXT; -- of the active generation
ALTER TABLE builds ADD COLUMN policy TEXT;      -- of the last round

-- 1 from before records are appended until they are confirmed: a run that was killed may have written them.
ALTER TABLE output_files ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 1;

-- The configuration file of each round.
ALTER TABLE rounds ADD COLUMN config TEXT;

-- Size and time of the file when it was written: whoever wrote to it since may have damaged it.
ALTER TABLE generations ADD COLUMN written TEXT;

-- A file is recognised by its first bytes and by those before its place: sorted exports begin alike.
ALTER TABLE files ADD COLUMN tail BLOB;             -- BLAKE3 of the `tail_bytes` bytes before `offset`
ALTER TABLE files ADD COLUMN tail_bytes INTEGER;    -- up to 4,096; NULL when not known
ALTER TABLE files ADD COLUMN predecessor INTEGER;   -- the row of a longer file that this one is left of
ALTER TABLE files ADD COLUMN path_bytes BLOB;       -- the path, where it is not UTF-8

-- Files that are copies of known ones, so that they are compared once.
CREATE TABLE copies (
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    original INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    same INTEGER NOT NULL,                  -- bytes of the decompressed stream that are known to be the same
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;

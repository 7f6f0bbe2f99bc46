-- Version 3: stored lines are matched again with the whole blacklist in use, not only new values.

-- Files whose stored lines are to be matched again, a row each. A change during a pass does not
-- restart it: the pass continues to the file's end, and another pass covers the part before.
CREATE TABLE history (
    file INTEGER PRIMARY KEY REFERENCES files (id),
    since INTEGER NOT NULL,                 -- time of the first change that requires it
    done INTEGER NOT NULL DEFAULT 0,        -- bytes of the decompressed stream matched in this pass
    until INTEGER NOT NULL,                 -- end of this pass
    again INTEGER NOT NULL DEFAULT 0,       -- first bytes of the stream that need another pass
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `done`
    header BLOB,                            -- the log's header lines that apply at `done` (Zeek)
    missed TEXT,                            -- why the last attempt to read it failed; NULL if it
                                            -- succeeded
    missed_since INTEGER                    -- time of the first failed attempt
) STRICT;
-- Unfinished and missed files start again.
INSERT INTO history (file, since, until)
    SELECT file, min(created), max(until)
    FROM history_files JOIN history_jobs ON history_jobs.id = job
    WHERE (ended IS NULL AND done < until) OR missed IS NOT NULL GROUP BY file;
DROP TABLE history_files;
DROP TABLE history_jobs;

-- 1 if an indicator's flags were retracted with it (revoked, retracted). It is new if it comes
-- back.
ALTER TABLE pending ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;

-- JSON: other settings that decide which lines match. If they allow more matches than before,
-- stored lines are matched again.
ALTER TABLE builds ADD COLUMN built_rules TEXT; -- of the active generation
ALTER TABLE builds ADD COLUMN policy TEXT;      -- of the last round

-- 1 from the start of an append until it is confirmed. A killed run may have written the records.
ALTER TABLE output_files ADD COLUMN unconfirmed INTEGER NOT NULL DEFAULT 1;

-- The configuration file of each round.
ALTER TABLE rounds ADD COLUMN config TEXT;

-- Size and time of the file when it was written. If they differ later, the file may be damaged.
ALTER TABLE generations ADD COLUMN written TEXT;

-- A file is recognised by its first bytes and by those before `offset`, because sorted exports
-- begin alike.
ALTER TABLE files ADD COLUMN tail BLOB;           -- BLAKE3 of `tail_bytes` bytes before `offset`
ALTER TABLE files ADD COLUMN tail_bytes INTEGER;  -- up to 4,096; NULL if unknown
ALTER TABLE files ADD COLUMN predecessor INTEGER; -- row of the longer file that was truncated
ALTER TABLE files ADD COLUMN path_bytes BLOB;     -- the path if it is not UTF-8

-- Files that are copies of known ones. They are stored so that each is compared only once.
CREATE TABLE copies (
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    original INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    same INTEGER NOT NULL,                  -- equal bytes at the start of the decompressed stream
    PRIMARY KEY (device, inode)
) STRICT, WITHOUT ROWID;

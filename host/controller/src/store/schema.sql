-- Version 1. Moments are microseconds since 1970-01-01T00:00:00Z. Later versions are changed by a migration each, never here.

-- What is known of each feed; configured feeds get a row when they are first polled.
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor TEXT,                            -- JSON of the fetcher's own: where the next poll goes on
    attempted INTEGER,                      -- last poll
    succeeded INTEGER,                      -- last poll without an error
    changed INTEGER,                        -- last poll that changed anything
    failures INTEGER NOT NULL DEFAULT 0,    -- in a row
    next_attempt INTEGER,                   -- not to be polled before
    error TEXT,                             -- of the last poll; NULL when it succeeded
    held TEXT,                              -- JSON: what is held back and why; NULL when nothing is
    allowed INTEGER NOT NULL DEFAULT 0,     -- 1 when the next delivery is taken whatever it drops
    active INTEGER NOT NULL DEFAULT 0,      -- rows of `indicators` that are active
    report TEXT                             -- JSON: counts of the last poll that delivered anything
) STRICT;

-- What each feed says: a row for every feed that vouches for an indicator, so that it stays while any does. Read in the order of the key.
CREATE TABLE indicators (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id; of lists the value
    state INTEGER NOT NULL,                 -- 0 active, 1 revoked, 2 removed from its list
    modified INTEGER,                       -- the publisher's; NULL is older than any
    changed INTEGER NOT NULL,               -- when this row last changed
    body BLOB NOT NULL,                     -- values and what is known of them: store/body.rs
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;

-- Rows that changed since the last generation, each as it was then.
CREATE TABLE pending (
    feed INTEGER NOT NULL,
    id TEXT NOT NULL,
    former BLOB,                            -- its body; NULL when it was not active, or not there
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;

-- What of the indicators is not taken, and why; bounded in number for each feed and origin.
CREATE TABLE left_out (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    origin INTEGER NOT NULL,                -- 0 of a delivery, 1 of the last build
    indicator TEXT NOT NULL,                -- STIX id, or a list's line
    value TEXT NOT NULL,                    -- the value, line or pattern
    kind TEXT NOT NULL,                     -- counted by
    reason TEXT NOT NULL,
    is_pattern INTEGER NOT NULL             -- 1 for a STIX pattern that says more than a blacklist can hold
) STRICT;
CREATE INDEX left_out_by_indicator ON left_out (feed, origin, indicator);

-- Marking definitions, carried from poll to poll.
CREATE TABLE markings (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,
    definition TEXT NOT NULL,               -- JSON of the STIX object
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;

-- What somebody here said is not bad, until it is undone.
CREATE TABLE false_positives (
    id INTEGER PRIMARY KEY,
    is_indicator INTEGER NOT NULL,          -- 1 when `target` is an indicator's id, 0 when it is a value
    target TEXT NOT NULL,                   -- of values the form that is compared
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (is_indicator, target)
) STRICT;

-- One row: what the next blacklist has to be compared with.
CREATE TABLE builds (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    change INTEGER NOT NULL DEFAULT 0,      -- counts whatever changed in `indicators` and `false_positives`
    last_generation INTEGER NOT NULL DEFAULT 0, -- the highest number given away, to held builds too
    built_change INTEGER NOT NULL DEFAULT 0, -- `change` that the active generation holds
    built_settings TEXT,                    -- and the settings that it was made with
    built_feeds TEXT,                       -- JSON: the feeds that it is made of, with their roles
    built INTEGER,                          -- when
    next_expiry INTEGER,                    -- when the first of its indicators is of no more use
    held_change INTEGER,                    -- the same of a build that was held back
    held_settings TEXT,
    held TEXT,                              -- JSON: why it is held back; NULL when none is
    allowed INTEGER NOT NULL DEFAULT 0      -- 1 when the next build is taken whatever it drops
) STRICT;
INSERT INTO builds (id) VALUES (1);

-- Blacklists made, newest kept. `file` is a name in the state's folder `blacklists`.
CREATE TABLE generations (
    generation INTEGER PRIMARY KEY,
    built INTEGER NOT NULL,
    file TEXT NOT NULL,
    digest BLOB NOT NULL,                   -- the blacklist's own
    entries INTEGER NOT NULL,
    active INTEGER NOT NULL                 -- 1 for the one in use
) STRICT;

-- Matching stored lines again for what is new in a generation. `blacklist` is a name in the state's folder `history`: the new values alone.
CREATE TABLE history_jobs (
    id INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    blacklist TEXT NOT NULL,
    entries INTEGER NOT NULL,
    created INTEGER NOT NULL,
    ended INTEGER
) STRICT;

-- The lines that a job is about: of each file those before `until`, which were matched with the generation before.
CREATE TABLE history_files (
    job INTEGER NOT NULL REFERENCES history_jobs (id),
    file INTEGER NOT NULL REFERENCES files (id),
    until INTEGER NOT NULL,                 -- bytes of the decompressed stream
    done INTEGER NOT NULL DEFAULT 0,        -- bytes matched so far
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `done`
    header BLOB,                            -- the log's own header lines in force at `done` (Zeek)
    missed TEXT,                            -- why the rest of it cannot be matched
    PRIMARY KEY (job, file)
) STRICT, WITHOUT ROWID;

-- Log files, known by their content, not by their name.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,                   -- the configured log source's name
    digest BLOB NOT NULL,                   -- BLAKE3 of the first `digest_bytes` of the decompressed stream
    digest_bytes INTEGER NOT NULL,          -- up to 4,096; grows with a small file
    identity BLOB NOT NULL DEFAULT x'',     -- names the file in its events' uids, and never changes
    path TEXT NOT NULL,                     -- last seen at
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,                  -- bytes on disk when last looked at
    modified INTEGER NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0,     -- 1 when nothing is left to match in it as it was then
    gone INTEGER NOT NULL DEFAULT 0,        -- 1 when the last round did not find it
    offset INTEGER NOT NULL DEFAULT 0,      -- bytes of the decompressed stream that are matched
    partial INTEGER NOT NULL DEFAULT 0,     -- bytes after `offset`, of a last line without an end, that were matched as they stood
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `offset`
    format TEXT,
    header BLOB,                            -- the log's own header lines in force at `offset` (Zeek)
    newest INTEGER,                         -- latest event time met
    seen INTEGER NOT NULL                   -- last round that found it other than it was
) STRICT;
CREATE INDEX files_by_source ON files (source);
CREATE INDEX files_by_identity ON files (identity);

-- What of the logs cannot be read, so that it is told when it begins and when it ends.
CREATE TABLE log_troubles (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    what TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;

-- Flagged events. `uid` is made of the file's digest and the offset, so that a repeat can be told.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES files (id),
    offset INTEGER NOT NULL,                -- of the line's first byte in the decompressed stream
    line INTEGER NOT NULL,                  -- counted from 1
    uid TEXT NOT NULL,
    occurred INTEGER,                       -- the event's own time
    source TEXT,                            -- the host it is from: ECS source.ip, source.domain or host.name
    raw TEXT NOT NULL,                      -- the line, cut to 2,048 characters
    UNIQUE (file, offset)
) STRICT;

-- One row for every indicator that covers an event, however many observables of it: the most specific one's.
CREATE TABLE matches (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES events (id),
    feed TEXT NOT NULL,
    indicator TEXT NOT NULL,                -- STIX id; of lists the value
    entry_type TEXT NOT NULL,
    entry TEXT NOT NULL,
    observable TEXT NOT NULL,
    field TEXT NOT NULL,
    how TEXT NOT NULL,
    confidence INTEGER,
    tlp INTEGER,                            -- 0 CLEAR to 4 RED; NULL unmarked
    name TEXT,
    generation INTEGER NOT NULL,
    found INTEGER NOT NULL,
    historic INTEGER NOT NULL,              -- 1 when found in lines matched before
    written INTEGER NOT NULL DEFAULT 1,     -- 1 when the indicator's details are in the output, 0 when its marking forbids that
    retracted INTEGER,
    told INTEGER NOT NULL DEFAULT 0,        -- 1 when mails about it were composed, or none is wanted
    UNIQUE (event, feed, indicator)
) STRICT;
CREATE INDEX matches_untold ON matches (id) WHERE told = 0;
CREATE INDEX matches_by_indicator ON matches (indicator, feed);

-- NDJSON records on their way to the output file, in order.
CREATE TABLE outbox_records (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- How far the output file is known to be written.
CREATE TABLE output_files (
    path TEXT PRIMARY KEY,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;

-- Mails on their way: composed once, sent until the server has taken them.
CREATE TABLE mails (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body BLOB NOT NULL,                     -- RFC 5322
    tlp INTEGER,                            -- the strictest marking of what it tells; NULL unmarked
    composed INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER,
    error TEXT,
    state INTEGER NOT NULL DEFAULT 0,       -- 0 waiting, 1 sent, 2 given up
    sent INTEGER
) STRICT;
CREATE INDEX mails_waiting ON mails (id) WHERE state = 0;

-- What is not told of.
CREATE TABLE mutes (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                     -- indicator, host, source
    value TEXT NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    silenced INTEGER NOT NULL DEFAULT 0,    -- matches that were kept from the mails
    counted INTEGER NOT NULL DEFAULT 0,     -- those of them that a mail's footer has counted
    UNIQUE (kind, value)
) STRICT;

-- Rounds, newest kept.
CREATE TABLE rounds (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL,
    ended INTEGER,
    report TEXT                             -- JSON
) STRICT;

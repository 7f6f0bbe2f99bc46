-- Version 1. Times are microseconds since 1970-01-01T00:00:00Z. Each later version has a migration
-- of its own; the statements here never change.

-- The state of each feed. A configured feed gets a row when it is first polled.
CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor TEXT,                            -- JSON of the fetcher: where the next poll continues
    attempted INTEGER,                      -- time of the last poll
    succeeded INTEGER,                      -- time of the last poll without an error
    changed INTEGER,                        -- time of the last poll that changed anything
    failures INTEGER NOT NULL DEFAULT 0,    -- failed polls in a row
    next_attempt INTEGER,                   -- not polled before this time
    error TEXT,                             -- of the last poll; NULL if it succeeded
    held TEXT,                              -- JSON: what is held back and why; NULL if nothing is
    allowed INTEGER NOT NULL DEFAULT 0,     -- 1 if the next delivery is accepted whatever it drops
    active INTEGER NOT NULL DEFAULT 0,      -- number of active rows in `indicators`
    report TEXT                             -- JSON: counts of the last poll that delivered anything
) STRICT;

-- The statements of each feed. An indicator has a row for every feed that names it, so it stays
-- while any feed does. Rows are read in the order of the key.
CREATE TABLE indicators (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id; the value for a list
    state INTEGER NOT NULL,                 -- 0 active, 1 revoked, 2 removed from its list
    modified INTEGER,                       -- the publisher's time; NULL is older than any
    changed INTEGER NOT NULL,               -- time of the last change of this row
    body BLOB NOT NULL,                     -- values and their details: store/body.rs
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;

-- Rows that changed since the last generation, with their content at that time.
CREATE TABLE pending (
    feed INTEGER NOT NULL,
    id TEXT NOT NULL,
    former BLOB,                            -- its body; NULL if it was inactive or missing
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;

-- Rejections, with the reason. Their number is limited for each feed and origin.
CREATE TABLE left_out (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    origin INTEGER NOT NULL,                -- 0 from a delivery, 1 from the last build
    indicator TEXT NOT NULL,                -- STIX id, or the line number in a list
    value TEXT NOT NULL,                    -- the value, line or pattern
    kind TEXT NOT NULL,                     -- name by which rejections are counted
    reason TEXT NOT NULL,
    is_pattern INTEGER NOT NULL             -- 1 for a STIX pattern that a blacklist cannot express
) STRICT;
CREATE INDEX left_out_by_indicator ON left_out (feed, origin, indicator);

-- Marking definitions, kept from poll to poll.
CREATE TABLE markings (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,
    definition TEXT NOT NULL,               -- JSON of the STIX object
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;

-- Operators' retractions, until they are undone.
CREATE TABLE false_positives (
    id INTEGER PRIMARY KEY,
    is_indicator INTEGER NOT NULL,          -- 1 if `target` is an indicator's id, 0 for a value
    target TEXT NOT NULL,                   -- a value in the form that is compared
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (is_indicator, target)
) STRICT;

-- One row: the values with which the next blacklist is compared.
CREATE TABLE builds (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    change INTEGER NOT NULL DEFAULT 0,      -- counter of changes in `indicators` and
                                            -- `false_positives`
    last_generation INTEGER NOT NULL DEFAULT 0, -- highest number used, including held builds
    built_change INTEGER NOT NULL DEFAULT 0, -- `change` of the active generation
    built_settings TEXT,                    -- the settings that it was made with
    built_feeds TEXT,                       -- JSON: the feeds that it is made of, with their roles
    built INTEGER,                          -- time of the build
    next_expiry INTEGER,                    -- time at which the first of its indicators ends
    held_change INTEGER,                    -- the same for a build that is held back
    held_settings TEXT,
    held TEXT,                              -- JSON: why it is held back; NULL if none is
    allowed INTEGER NOT NULL DEFAULT 0      -- 1 if the next build is accepted whatever it drops
) STRICT;
INSERT INTO builds (id) VALUES (1);

-- The newest blacklists. `file` is a name in the state's folder `blacklists`.
CREATE TABLE generations (
    generation INTEGER PRIMARY KEY,
    built INTEGER NOT NULL,
    file TEXT NOT NULL,
    digest BLOB NOT NULL,                   -- the blacklist's own digest
    entries INTEGER NOT NULL,
    active INTEGER NOT NULL                 -- 1 for the one in use
) STRICT;

-- Jobs that match stored lines again with the new values of a generation. `blacklist` is a file of
-- these values in the state's folder `history`.
CREATE TABLE history_jobs (
    id INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL,
    blacklist TEXT NOT NULL,
    entries INTEGER NOT NULL,
    created INTEGER NOT NULL,
    ended INTEGER
) STRICT;

-- The lines of a job: in each file those before `until`, which were matched with the generation
-- before.
CREATE TABLE history_files (
    job INTEGER NOT NULL REFERENCES history_jobs (id),
    file INTEGER NOT NULL REFERENCES files (id),
    until INTEGER NOT NULL,                 -- bytes of the decompressed stream
    done INTEGER NOT NULL DEFAULT 0,        -- bytes matched so far
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `done`
    header BLOB,                            -- the log's own header lines in force at `done` (Zeek)
    missed TEXT,                            -- why the rest cannot be matched
    PRIMARY KEY (job, file)
) STRICT, WITHOUT ROWID;

-- Log files. They are recognised by their content, not by their name.
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,                   -- name of the configured log source
    digest BLOB NOT NULL,                   -- BLAKE3 of the first `digest_bytes` bytes of the
                                            -- decompressed stream
    digest_bytes INTEGER NOT NULL,          -- up to 4,096; grows with a small file
    identity BLOB NOT NULL DEFAULT x'',     -- part of its events' uids; never changes
    path TEXT NOT NULL,                     -- last known path
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    size INTEGER NOT NULL,                  -- bytes on disk when last seen
    modified INTEGER NOT NULL,
    settled INTEGER NOT NULL DEFAULT 0,     -- 1 if nothing was left to match when last seen
    gone INTEGER NOT NULL DEFAULT 0,        -- 1 if the last round did not find it
    offset INTEGER NOT NULL DEFAULT 0,      -- bytes of the decompressed stream that are matched
    partial INTEGER NOT NULL DEFAULT 0,     -- bytes after `offset`: length of a last line without
                                            -- its end that was matched
    lines INTEGER NOT NULL DEFAULT 0,       -- lines before `offset`
    format TEXT,
    header BLOB,                            -- the log's header lines that apply at `offset` (Zeek)
    newest INTEGER,                         -- latest event time found
    seen INTEGER NOT NULL                   -- last round that found it changed
) STRICT;
CREATE INDEX files_by_source ON files (source);
CREATE INDEX files_by_identity ON files (identity);

-- Logs that cannot be read. A trouble is logged when it begins and when it ends.
CREATE TABLE log_troubles (
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    what TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;

-- Flagged events. `uid` is derived from the file's identity and the offset, so repeats are
-- recognised.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES files (id),
    offset INTEGER NOT NULL,                -- of the line's first byte in the decompressed stream
    line INTEGER NOT NULL,                  -- counted from 1
    uid TEXT NOT NULL,
    occurred INTEGER,                       -- the event's own time
    source TEXT,                            -- its host: ECS source.ip, source.domain or host.name
    raw TEXT NOT NULL,                      -- the line, cut to 2,048 characters
    UNIQUE (file, offset)
) STRICT;

-- One row for every indicator that covers an event. If it covers several observables, the most
-- specific match counts.
CREATE TABLE matches (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL REFERENCES events (id),
    feed TEXT NOT NULL,
    indicator TEXT NOT NULL,                -- STIX id; the value for a list
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
    historic INTEGER NOT NULL,              -- 1 if found in stored lines, which were matched before
    written INTEGER NOT NULL DEFAULT 1,     -- 1 if the indicator's details are in the output,
                                            -- 0 if its marking forbids that
    retracted INTEGER,
    told INTEGER NOT NULL DEFAULT 0,        -- 1 if mails about it were composed, or are not wanted
    UNIQUE (event, feed, indicator)
) STRICT;
CREATE INDEX matches_untold ON matches (id) WHERE told = 0;
CREATE INDEX matches_by_indicator ON matches (indicator, feed);

-- NDJSON records that wait for the output file, in order.
CREATE TABLE outbox_records (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- The position up to which the output file is known to be written.
CREATE TABLE output_files (
    path TEXT PRIMARY KEY,
    device INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;

-- Mails. Each is composed once, and sent until the server has accepted it.
CREATE TABLE mails (
    id INTEGER PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body BLOB NOT NULL,                     -- RFC 5322
    tlp INTEGER,                            -- strictest marking of its contents; NULL unmarked
    composed INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER,
    error TEXT,
    state INTEGER NOT NULL DEFAULT 0,       -- 0 waiting, 1 sent, 2 given up
    sent INTEGER
) STRICT;
CREATE INDEX mails_waiting ON mails (id) WHERE state = 0;

-- Matches that are left out of mails.
CREATE TABLE mutes (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,                     -- indicator, host, source
    value TEXT NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created INTEGER NOT NULL,
    silenced INTEGER NOT NULL DEFAULT 0,    -- matches that were left out of mails
    counted INTEGER NOT NULL DEFAULT 0,     -- of these, the matches that a mail's footer counted
    UNIQUE (kind, value)
) STRICT;

-- The newest rounds.
CREATE TABLE rounds (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL,
    ended INTEGER,
    report TEXT                             -- JSON
) STRICT;

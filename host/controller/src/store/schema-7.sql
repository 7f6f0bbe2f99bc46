-- Version 7: stored events in the indices of an OpenSearch cluster.

-- Flagged events: lines of files, and documents of indices. Those of a document have no file.
CREATE TABLE events_7 (
    id INTEGER PRIMARY KEY,
    file INTEGER REFERENCES files (id),
    offset INTEGER,                         -- of the line's first byte in the decompressed stream
    line INTEGER,                           -- counted from 1
    uid TEXT NOT NULL,
    occurred INTEGER,                       -- the event's own time
    source TEXT,                            -- its host: ECS source.ip, source.domain or host.name
    raw TEXT NOT NULL,                      -- the line or document, cut to 2,048 characters
    UNIQUE (file, offset)
) STRICT;
INSERT INTO events_7 SELECT id, file, offset, line, uid, occurred, source, raw FROM events;
DROP TABLE events;
ALTER TABLE events_7 RENAME TO events;

-- The document of an event, where it was last seen.
CREATE TABLE documents (
    event INTEGER PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    uid TEXT NOT NULL UNIQUE,               -- of the event
    index_name TEXT NOT NULL,               -- a concrete index, never an alias
    document TEXT NOT NULL,                 -- `_id`
    routing TEXT                            -- `_routing`; NULL without one
) STRICT;

-- Other documents of the same events: their index was copied, and the copies keep the ids.
CREATE TABLE document_copies (
    event INTEGER NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    index_name TEXT NOT NULL,
    document TEXT NOT NULL,
    routing TEXT,
    PRIMARY KEY (event, index_name)
) STRICT, WITHOUT ROWID;

-- Shards of indices, and how far their events are matched and followed. Sequence numbers grow with
-- every write to a shard, and stay the same in a failover.
CREATE TABLE shards (
    id INTEGER PRIMARY KEY,
    index_uuid TEXT NOT NULL,
    shard INTEGER NOT NULL,
    history_uuid TEXT NOT NULL,             -- another one: the index was restored
    index_name TEXT NOT NULL,
    followed INTEGER NOT NULL DEFAULT -1,   -- flags up to this sequence number are in `matches`
    matched INTEGER NOT NULL DEFAULT -1,    -- events up to this one are matched
    generation INTEGER NOT NULL DEFAULT 0,  -- with this generation or a later one; 0 none
    again INTEGER,                          -- time of a second pass over what came after; NULL if
                                            -- none is due
    done INTEGER NOT NULL DEFAULT -1,       -- events up to this one are matched in this pass
    done_with INTEGER NOT NULL DEFAULT 0,   -- the generation of this pass
    seen INTEGER NOT NULL,                  -- time at which the shard was last seen
    UNIQUE (index_uuid, shard)
) STRICT;

-- Indicators that newly count, by the generation in which they do, for the shards that are matched
-- with an older one.
CREATE TABLE new_indicators (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX new_indicators_by_generation ON new_indicators (generation);

-- Documents whose flags are to be written again, because a match was retracted.
CREATE TABLE outbox_documents (
    event INTEGER PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    change INTEGER NOT NULL DEFAULT 1,      -- counter of retractions
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt INTEGER,
    error TEXT
) STRICT;

-- Indices that are left out, with the reason.
CREATE TABLE index_troubles (
    index_name TEXT PRIMARY KEY,
    what TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: this state's claim to the cluster.
CREATE TABLE cluster_claim (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    owner TEXT NOT NULL,                    -- a random text that names this state
    turn INTEGER NOT NULL DEFAULT 0,        -- the last number that was written into the claim
    refused TEXT                            -- who holds the claim instead; NULL if we do
) STRICT;

-- The reason why a match was retracted.
ALTER TABLE matches ADD COLUMN reason TEXT;

-- Version 7: webhooks.

-- Version 7: webhooks; what the API and metrics show.

-- The webhooks that were ever configured, by name.
CREATE TABLE webhooks (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    target BLOB NOT NULL DEFAULT x'',       -- BLAKE3 of its address and credentials; if they
                                            -- change, it is tried at once
    next_attempt INTEGER,                   -- nothing is sent before this time
    failures INTEGER NOT NULL DEFAULT 0,    -- failed attempts in a row
    refused TEXT                            -- why the receiver accepts nothing, until somebody
                                            -- changes something; NULL if it may accept
) STRICT;

-- Deliveries to webhooks. Each is composed once, and sent until the receiver has accepted it. A
-- later one of the same webhook waits for the earlier ones.
CREATE TABLE webhook_deliveries (
    id INTEGER PRIMARY KEY,
    webhook INTEGER NOT NULL REFERENCES webhooks (id),
    delivery TEXT NOT NULL UNIQUE,          -- UUID
    kind TEXT NOT NULL,                     -- matches, retraction, restored, conditions
    body BLOB NOT NULL,
    tlp INTEGER,                            -- strictest marking of its contents; NULL unmarked
    composed INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    state INTEGER NOT NULL DEFAULT 0,       -- 0 waiting, 1 sent, 2 given up
    sent INTEGER
) STRICT;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook, id) WHERE state = 0;

-- The matches that were reported to each webhook.
CREATE TABLE webhook_matches (
    match INTEGER NOT NULL REFERENCES matches (id) ON DELETE CASCADE,
    webhook INTEGER NOT NULL REFERENCES webhooks (id),
    retracted INTEGER NOT NULL DEFAULT 0,   -- 1 if the retraction was reported too
    PRIMARY KEY (match, webhook)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_matches_retracted ON webhook_matches (webhook) WHERE retracted = 1;
CREATE INDEX matches_retracted ON matches (id) WHERE retracted IS NOT NULL;

-- TAXII feeds to which matches are reported as sightings.
CREATE TABLE sighting_feeds (
    feed INTEGER PRIMARY KEY REFERENCES feeds (id),
    last_match INTEGER NOT NULL,            -- the last match that was looked at
    next_attempt INTEGER,                   -- nothing is sent before this time
    failures INTEGER NOT NULL DEFAULT 0,    -- failed attempts in a row
    error TEXT,                             -- of the last attempt; NULL if it succeeded
    sent INTEGER NOT NULL DEFAULT 0         -- number of sightings that the collection has
) STRICT;

-- Sightings that the collection does not have yet, one for each indicator and round. A row is
-- composed once, so that a repeat is the same object.
CREATE TABLE sightings (
    id TEXT PRIMARY KEY,                    -- STIX id
    feed INTEGER NOT NULL REFERENCES sighting_feeds (feed),
    indicator TEXT NOT NULL,                -- STIX id
    events INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    tlp INTEGER,                            -- strictest marking of the matches; NULL unmarked
    composed INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,       -- 0 waiting, 2 refused
    error TEXT
) STRICT;
CREATE INDEX sightings_waiting ON sightings (feed) WHERE state = 0;

-- JSON: numbers of entries by type, with the names of STIX; NULL for generations of before.
ALTER TABLE generations ADD COLUMN types TEXT;

-- Time at which a record was queued; NULL for records of before.
ALTER TABLE outbox_records ADD COLUMN queued INTEGER;

-- Matches over time, without reading their rows.
CREATE INDEX matches_by_found ON matches (found, event, historic, retracted);

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

-- Version 6: MISP servers, packages in folders and packages that a filter drops, and indicators
-- under new ids.

-- The servers that were ever configured, by name.
CREATE TABLE misp_servers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    paused TEXT,                            -- why nothing is sent; NULL if it is not paused
    paused_since INTEGER,
    by_operator INTEGER NOT NULL DEFAULT 0, -- 1 if an operator paused it: only they resume it
    next_attempt INTEGER,                   -- not tried before this time
    failures INTEGER NOT NULL DEFAULT 0,    -- faults of the server in a row
    sightings INTEGER NOT NULL DEFAULT 0    -- last match that was considered for a sighting
) STRICT;

-- The feeds that each server gets.
CREATE TABLE misp_feeds (
    id INTEGER PRIMARY KEY,
    server INTEGER NOT NULL REFERENCES misp_servers (id),
    feed INTEGER NOT NULL REFERENCES feeds (id),
    package INTEGER NOT NULL DEFAULT 0,     -- number of the last package that was taken over
    settings TEXT NOT NULL DEFAULT '',      -- the settings of the last round; if they differ, all
                                            -- indicators are taken over again
    UNIQUE (server, feed)
) STRICT;
CREATE INDEX misp_feeds_by_feed ON misp_feeds (feed);

-- Indicators that changed and are not taken over into an event yet.
CREATE TABLE misp_changes (
    misp_feed INTEGER NOT NULL REFERENCES misp_feeds (id),
    indicator TEXT NOT NULL,
    PRIMARY KEY (misp_feed, indicator)
) STRICT, WITHOUT ROWID;

-- The events of each server. A waiting one is the outbox's entry.
CREATE TABLE misp_events (
    id INTEGER PRIMARY KEY,
    misp_feed INTEGER NOT NULL REFERENCES misp_feeds (id),
    kind INTEGER NOT NULL,                  -- 0 a package that the server converts, 1 a package,
                                            -- 2 a report, 3 indicators of a day
    source TEXT NOT NULL,                   -- id of the package or report, or the day
    part INTEGER NOT NULL DEFAULT 0,        -- several events of one day are counted from 1
    refused TEXT,                           -- why the server refused the package
    tags TEXT NOT NULL DEFAULT '[]',        -- JSON: tags that it had from us
    day TEXT NOT NULL,                      -- date of the event: YYYY-MM-DD
    uuid TEXT,                              -- on the server; NULL if only the server knows it yet
    remote INTEGER,                         -- number on the server, of an imported one
    stage INTEGER NOT NULL DEFAULT 0,       -- of a package that the server converts: 0 not sent,
                                            -- 1 an upload began and its end is not known, 2 on the
                                            -- server, 3 refused, and sent as `kind` 1 instead,
                                            -- 4 imported and not looked up yet
    began INTEGER,                          -- time of the first upload
    size INTEGER NOT NULL DEFAULT 0,        -- number of values that were assigned to it
    state INTEGER NOT NULL DEFAULT 0,       -- 0 waiting, 1 sent, 2 failed, 3 uncertain
    change INTEGER NOT NULL DEFAULT 1,      -- counter of changes
    waiting INTEGER,                        -- time of the first change that is not sent
    digest BLOB,                            -- of the content that the server was last seen to have
    publishing INTEGER,                     -- time of the request to publish it; NULL if it is
                                            -- published or is not to be
    published INTEGER,                      -- the server's time of the last publication
    attempts INTEGER NOT NULL DEFAULT 0,    -- failed ones in a row
    next_attempt INTEGER,
    error TEXT,
    sent INTEGER,                           -- time of the last success
    UNIQUE (misp_feed, kind, source, part)
) STRICT;
CREATE INDEX misp_events_waiting ON misp_events (misp_feed, id) WHERE state = 0;

-- The event of each indicator. It stays in the one that it was first assigned to.
CREATE TABLE misp_indicators (
    misp_feed INTEGER NOT NULL REFERENCES misp_feeds (id),
    indicator TEXT NOT NULL,
    event INTEGER NOT NULL REFERENCES misp_events (id),
    PRIMARY KEY (misp_feed, indicator)
) STRICT, WITHOUT ROWID;
CREATE INDEX misp_indicators_by_event ON misp_indicators (event);

-- Packages that an earlier program sent to a server.
CREATE TABLE misp_imported (
    server INTEGER NOT NULL REFERENCES misp_servers (id),
    feed INTEGER NOT NULL REFERENCES feeds (id),
    package TEXT NOT NULL,                  -- the package's id
    event INTEGER,                          -- the event's number on the server; NULL if it is not
                                            -- known, or the package was never sent
    PRIMARY KEY (server, feed, package)
) STRICT, WITHOUT ROWID;

-- The attributes that the server was seen to have, and those that it refuses.
CREATE TABLE misp_attributes (
    event INTEGER NOT NULL REFERENCES misp_events (id),
    uuid BLOB NOT NULL,
    value TEXT NOT NULL,                    -- as in `matches.entry`
    refused TEXT,                           -- why the server refuses it; NULL if it has it
    PRIMARY KEY (event, uuid)
) STRICT, WITHOUT ROWID;
CREATE INDEX misp_attributes_by_value ON misp_attributes (value);

-- Reports of STIX 2, with the indicators that they refer to.
CREATE TABLE reports (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id
    modified INTEGER,                       -- the publisher's time; NULL is older than any
    name TEXT,                              -- NULL if it is revoked
    tlp INTEGER,                            -- 0 CLEAR to 4 RED; NULL unmarked
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE report_indicators (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    indicator TEXT NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (feed, indicator, report)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_indicators_by_report ON report_indicators (feed, report);

-- Indicators of feeds that read MISP, by the MISP event that lists them. An event is replaced as a
-- whole.
CREATE TABLE misp_listed (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- the indicator: UUID of the attribute
    event TEXT NOT NULL,                    -- UUID of the MISP event
    PRIMARY KEY (feed, id, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX misp_listed_by_event ON misp_listed (feed, event);

-- Folders to which packages of STIX 1.x are written, and how far that is done.
CREATE TABLE package_folders (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    folder TEXT NOT NULL,                   -- without links
    position INTEGER NOT NULL,              -- the number of the last package that was written
    PRIMARY KEY (feed, folder)
) STRICT, WITHOUT ROWID;

-- Names of the files in these folders. A package keeps its name, whatever its content.
CREATE TABLE package_files (
    folder TEXT NOT NULL,
    folded TEXT NOT NULL,                   -- the name in lower case
    name TEXT NOT NULL,
    feed INTEGER NOT NULL REFERENCES feeds (id),
    package TEXT NOT NULL,                  -- the package's id
    PRIMARY KEY (folder, folded)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX package_files_by_package ON package_files (folder, feed, package);

-- The reason why the feed's filter drops the whole package, which is then sent nowhere; NULL if it
-- counts.
ALTER TABLE packages ADD COLUMN dropped TEXT;

-- JSON: the last time that the publisher gave most of a feed's indicators new ids.
ALTER TABLE feeds ADD COLUMN ids_changed TEXT;

-- JSON: the indicator's markings, if its level depends on definitions outside of the
-- specifications. A definition that comes later changes it.
ALTER TABLE indicators ADD COLUMN markings TEXT;

-- The indicator's id in the output, if its publisher gave it another one since; NULL if it is the
-- same.
ALTER TABLE matches ADD COLUMN written_id TEXT;

-- Every feed is read again once: for conjunctions, which states of before version 5 lack, for the
-- ids in packages and the markings of indicators, and because filters see STIX 1.x now.
UPDATE feeds SET cursor = NULL;

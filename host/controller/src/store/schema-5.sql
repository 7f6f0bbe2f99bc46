-- Version 5: packages of STIX 1.x, conjunctions, threats, and policies of feeds.

-- Packages of STIX 1.x as they were received: the newest content of each.
CREATE TABLE packages (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- grows with each new content
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- the package's own; `blake3:DIGEST` if it has none
    digest BLOB NOT NULL,                   -- BLAKE3 of the content
    modified INTEGER,                       -- the publisher's time
    received INTEGER NOT NULL,              -- time at which this content first came
    seen INTEGER NOT NULL,                  -- time at which it came last
    bytes INTEGER NOT NULL,                 -- length of the content
    is_utf8 INTEGER NOT NULL,               -- 1 if it is UTF-8, whatever its declaration says
    body BLOB,                              -- the content, compressed with zstd; NULL if it is not
                                            -- kept
    UNIQUE (feed, id)
) STRICT;

-- Ids in the packages of feeds that deliver them one by one. They lead to the packages that a
-- later one completes or replaces.
CREATE TABLE package_ids (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    role INTEGER NOT NULL,                  -- 0 an indicator in it, 1 defined in it, 2 referred to
                                            -- and defined elsewhere
    id TEXT NOT NULL,
    package INTEGER NOT NULL REFERENCES packages (number) ON DELETE CASCADE,
    PRIMARY KEY (feed, role, id, package)
) STRICT, WITHOUT ROWID;
CREATE INDEX package_ids_by_package ON package_ids (package);

-- The parts of a match by a conjunction, whose values only together flag an event. Its row in
-- `matches` names all of them.
CREATE TABLE match_parts (
    match INTEGER NOT NULL REFERENCES matches (id) ON DELETE CASCADE,
    entry_type TEXT NOT NULL,               -- as in `matches`; file-name for the name of a file
    entry TEXT NOT NULL,
    observable TEXT NOT NULL
) STRICT;
CREATE INDEX match_parts_by_match ON match_parts (match);

-- Threats that indicators are related to: malware, tools, actors, campaigns, attack patterns.
CREATE TABLE threats (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id
    modified INTEGER,                       -- the publisher's time; NULL is older than any
    kind INTEGER NOT NULL,                  -- 0 software, 1 group, 2 technique
    name TEXT,                              -- NULL if it is revoked
    external TEXT,                          -- id in ATT&CK
    tlp INTEGER,                            -- 0 CLEAR to 4 RED; NULL unmarked
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;

-- Relationships between indicators and threats. Either end may come later, or never.
CREATE TABLE relations (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    id TEXT NOT NULL,                       -- STIX id
    modified INTEGER,
    indicator TEXT,                         -- STIX ids; NULL if it is revoked
    threat TEXT,
    tlp INTEGER,
    PRIMARY KEY (feed, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX relations_by_indicator ON relations (feed, indicator);

-- The indicator's threats, as JSON: [{"kind": "software", "name": ..., "id": ..., "tlp": 0 to 4}].
-- NULL if it has none.
ALTER TABLE matches ADD COLUMN threats TEXT;

-- JSON: numbers of values that the feed's policy took away in the last build, by rule.
ALTER TABLE feeds ADD COLUMN outside_policy TEXT;

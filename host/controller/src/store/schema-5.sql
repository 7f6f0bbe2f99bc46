-- Version 5: more servers and formats.

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

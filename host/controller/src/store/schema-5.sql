-- Version 5: conjunctions, and threats.

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

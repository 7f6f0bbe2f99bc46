-- The matches to report in a round, with numbers for texts, so that grouping a million matches is
-- quick.
CREATE TEMP TABLE untold_mutes (
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    mute INTEGER NOT NULL,
    PRIMARY KEY (kind, text)
) WITHOUT ROWID;
CREATE TEMP TABLE untold_muted (match INTEGER PRIMARY KEY, mute INTEGER NOT NULL);
CREATE TEMP TABLE untold_entries (
    id INTEGER PRIMARY KEY,
    entry_type TEXT NOT NULL,
    entry TEXT NOT NULL,
    UNIQUE (entry, entry_type)
);
CREATE TEMP TABLE untold_sources (id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE);
CREATE TEMP TABLE untold (
    match INTEGER PRIMARY KEY,
    event INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    source INTEGER,
    occurred INTEGER,
    level INTEGER NOT NULL,                 -- compared with the maximum TLP; 0 if unmarked
    tlp INTEGER,
    confidence INTEGER,
    rank INTEGER NOT NULL,                  -- confidence: 3 high, 2 medium or unknown, 1 low,
                                            -- 0 none (STIX 2.1 appendix A)
    historic INTEGER NOT NULL
);

-- Version 2: the last push to the OpenSearch cluster.

-- One row.
CREATE TABLE push (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER,                     -- pushed last; NULL before the first push
    digest BLOB,                            -- of its blacklist
    attempted INTEGER,                      -- time of the last push
    taken INTEGER,                          -- time of the cluster's acceptance; NULL without one
    acknowledged INTEGER,                   -- time at which all ingest nodes first served it
    refused TEXT,                           -- kind of the cluster's refusal, which lasts until an
                                            -- operator resolves it
    error TEXT                              -- why the last push failed; NULL if it succeeded
) STRICT;
INSERT INTO push (id) VALUES (1);

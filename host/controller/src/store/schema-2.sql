-- Version 2: what the OpenSearch cluster has of the blacklist in use.

-- One row.
CREATE TABLE push (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER,                     -- pushed last; NULL before the first push
    digest BLOB,                            -- its blacklist's
    attempted INTEGER,                      -- when
    taken INTEGER,                          -- when the cluster took it; NULL when it did not
    acknowledged INTEGER,                   -- when all ingest nodes were first seen to serve it
    refused TEXT,                           -- the kind of the cluster's refusal, which stands until somebody does something
    error TEXT                              -- why the last push came to nothing; NULL when it did not
) STRICT;
INSERT INTO push (id) VALUES (1);

-- Version 7.

-- JSON: numbers of entries by type, with the names of STIX; NULL for generations of before.
ALTER TABLE generations ADD COLUMN types TEXT;

-- Time at which a record was queued; NULL for records of before.
ALTER TABLE outbox_records ADD COLUMN queued INTEGER;

-- Matches over time, without reading their rows.
CREATE INDEX matches_by_found ON matches (found, event, historic, retracted);

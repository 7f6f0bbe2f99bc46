-- Version 6.

-- The reason why the feed's filter drops the whole package, which is then sent nowhere; NULL if it
-- counts.
ALTER TABLE packages ADD COLUMN dropped TEXT;

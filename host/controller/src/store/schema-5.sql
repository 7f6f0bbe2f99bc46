-- Version 5: policies of feeds.

-- JSON: numbers of values that the feed's policy took away in the last build, by rule.
ALTER TABLE feeds ADD COLUMN outside_policy TEXT;

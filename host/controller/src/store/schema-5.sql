-- Version 5: conjunctions.

-- The parts of a match by a conjunction, whose values only together flag an event. Its row in
-- `matches` names all of them.
CREATE TABLE match_parts (
    match INTEGER NOT NULL REFERENCES matches (id) ON DELETE CASCADE,
    entry_type TEXT NOT NULL,               -- as in `matches`; file-name for the name of a file
    entry TEXT NOT NULL,
    observable TEXT NOT NULL
) STRICT;
CREATE INDEX match_parts_by_match ON match_parts (match);

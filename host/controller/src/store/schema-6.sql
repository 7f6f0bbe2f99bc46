-- Version 6.

-- Folders to which packages of STIX 1.x are written, and how far that is done.
CREATE TABLE package_folders (
    feed INTEGER NOT NULL REFERENCES feeds (id),
    folder TEXT NOT NULL,                   -- without links
    position INTEGER NOT NULL,              -- the number of the last package that was written
    PRIMARY KEY (feed, folder)
) STRICT, WITHOUT ROWID;

-- Names of the files in these folders. A package keeps its name, whatever its content.
CREATE TABLE package_files (
    folder TEXT NOT NULL,
    folded TEXT NOT NULL,                   -- the name in lower case
    name TEXT NOT NULL,
    feed INTEGER NOT NULL REFERENCES feeds (id),
    package TEXT NOT NULL,                  -- the package's id
    PRIMARY KEY (folder, folded)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX package_files_by_package ON package_files (folder, feed, package);

//! Indicators from outside: TAXII collections, URLs, files and folders, each polled from where it stopped.

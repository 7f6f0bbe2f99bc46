//! Progress of matching stored lines.

use super::Store;

/// Open jobs and their bytes, unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HistoryProgress {
    pub(crate) jobs: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_done: u64,
}

impl Store {
    /// Sums up what the open jobs have left to match.
    pub(crate) fn history_progress(&self) -> rusqlite::Result<HistoryProgress> {
        let sql = "SELECT count(DISTINCT job), coalesce(sum(until), 0), coalesce(sum(done), 0)
                   FROM history_files JOIN history_jobs ON history_jobs.id = job
                   WHERE ended IS NULL AND missed IS NULL";
        self.connection.query_row(sql, [], |row| {
            Ok(HistoryProgress { jobs: row.get(0)?, bytes: row.get(1)?, bytes_done: row.get(2)? })
        })
    }
}

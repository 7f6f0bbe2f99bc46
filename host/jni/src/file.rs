//! Reads a blacklist's file into memory.

use std::fs::File;
use std::io;
use std::path::Path;

use threatsieve_runner::MemoryFile;

use crate::failure::{Failure, Kind, chain};

/// Copies a file of at most `limit_bytes` into a sealed file in memory. It is not mapped from the
/// disk. So if the file is truncated or changed later, this process does not get a SIGBUS, and the
/// verified content stays.
pub(crate) fn read(path: &Path, limit_bytes: u64) -> Result<MemoryFile, Failure> {
    let failed = |error: io::Error| {
        Failure::new(Kind::Io, format!("{}: cannot read the blacklist: {error}", path.display()))
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::other("expected a regular file")));
    }
    let expected = metadata.len();
    if expected > limit_bytes {
        let message = format!(
            "{}: the blacklist has {expected} bytes, {limit_bytes} are left of the node's limit: \
             raise threatsieve.memory_limit in opensearch.yml, or push a smaller blacklist",
            path.display()
        );
        return Err(Failure::new(Kind::Budget, message));
    }
    // If the file is truncated meanwhile, opening the blacklist reports it.
    MemoryFile::read(file, expected).map_err(|error| {
        Failure::new(Kind::Memory, format!("{}: {}", path.display(), chain(&error)))
    })
}

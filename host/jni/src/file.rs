//! A file in memory of its own.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use threatsieve_runner::Bytes;

use crate::failure::{Failure, Kind};

/// Reads a file that fits into `limit_bytes`. It is read, not mapped: whoever truncates or changes it later can neither end this process by SIGBUS nor
/// change what was verified.
pub(crate) fn read(path: &Path, limit_bytes: u64) -> Result<Bytes, Failure> {
    let failed = |error: io::Error| {
        Failure::new(Kind::Io, format!("{}: the blacklist cannot be read: {error}", path.display()))
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::other("expected a regular file")));
    }
    let expected = metadata.len();
    if expected > limit_bytes {
        let message = format!(
            "{}: the blacklist has {expected} bytes, {limit_bytes} are left of the node's memory limit",
            path.display()
        );
        return Err(Failure::new(Kind::Budget, message));
    }
    // A limit in bytes of memory fits.
    let length = expected as usize;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| Failure::memory(length, "a blacklist"))?;
    // One that is cut off meanwhile is found to be truncated when it is opened.
    #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
    file.take(expected).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Bytes::from(bytes))
}

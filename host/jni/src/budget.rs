//! The share of the node's memory limit that a blacklist takes.

use threatsieve_blacklist::Blacklist;
use threatsieve_runner::MemoryFile;

use crate::failure::{Failure, Kind};

/// The bytes that a loaded blacklist takes besides its file and its instances: its copy of the
/// matcher's machine code (0.9 MB) and the runtime's own structures.
const RUNTIME_BYTES: u64 = 1 << 20;

/// The bytes that loading a blacklist takes at its peak besides its file. They include the first
/// instance and the library's own pages.
const LOADING_BYTES: u64 = 4 << 20;

/// The bytes that one blacklist needs, during loading and afterwards: its file, which is in memory
/// once, and what the runtime needs. Further instances need more when they are created.
pub(crate) fn needed_bytes(blacklist: &Blacklist<MemoryFile>) -> u64 {
    blacklist.file_bytes() + LOADING_BYTES
}

/// The bytes that a blacklist takes now, including its instances. `held_bytes` comes from its
/// runner.
pub(crate) fn taken_bytes(held_bytes: u64) -> u64 {
    held_bytes + RUNTIME_BYTES
}

/// Rejects a blacklist that does not fit alongside those that are held. They include the previous
/// generation, which serves until the switch.
pub(crate) fn require_room(
    blacklist: &Blacklist<MemoryFile>,
    held: u64,
    limit: u64,
) -> Result<(), Failure> {
    let needed = needed_bytes(blacklist);
    if held.saturating_add(needed) <= limit {
        return Ok(());
    }
    let message = format!(
        "blacklist {:?}, generation {}, needs {}; {} are held already, and the node's limit is {}: \
         raise threatsieve.memory_limit in opensearch.yml, or push a smaller blacklist",
        blacklist.name(),
        blacklist.generation(),
        megabytes(needed),
        megabytes(held),
        megabytes(limit)
    );
    Err(Failure::new(Kind::Budget, message))
}

/// Rounded up, so that the sum of the numbers shown is enough.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

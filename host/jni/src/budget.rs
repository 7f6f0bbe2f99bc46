//! What a blacklist takes of the node's memory limit.

use threatsieve_blacklist::Blacklist;
use threatsieve_runner::MemoryFile;

use crate::failure::{Failure, Kind};

/// Bytes that a loaded blacklist takes besides its file: machine code of the matcher, what the runtime
/// knows of it, and the first instance's own pages.
const RUNTIME_BYTES: u64 = 4 << 20;

/// Bytes that one blacklist takes, while it is loaded and afterwards: its file, which is in memory
/// once, and what the runtime needs. Further instances come on top when they are made.
pub(crate) fn needed_bytes(blacklist: &Blacklist<MemoryFile>) -> u64 {
    blacklist.file_bytes() + RUNTIME_BYTES
}

/// Bytes that a blacklist takes now, its instances included; `held_bytes` is what its runner says.
pub(crate) fn taken_bytes(held_bytes: u64) -> u64 {
    held_bytes + RUNTIME_BYTES
}

/// Refuses a blacklist that does not fit alongside what is held already. The generation before it
/// is part of that: it serves until the switch.
pub(crate) fn require_room(blacklist: &Blacklist<MemoryFile>, held: u64, limit: u64) -> Result<(), Failure> {
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

/// Rounded up, so that the sum of what is shown is enough.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

//! What a blacklist takes of the node's memory limit.

use threatsieve_blacklist::Blacklist;
use threatsieve_runner::Bytes;

use crate::failure::{Failure, Kind};

/// Machine code of the matcher, what the runtime knows of it, and the first instances' own pages.
const CODE_BYTES: u64 = 4 << 20;
/// What the compiler uses besides the blacklist, at its peak.
const COMPILER_BYTES: u64 = 32 << 20;

/// Memory of one blacklist, in bytes. Estimated: what the file takes is exact, the rest is rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    /// While it is loaded: its match sections in the compiled code, and its metadata beside that; together what the file has.
    pub(crate) held: u64,
    /// While it is being loaded: its file, and besides it first three times its match sections for the compiler (see `threatsieve_runner`),
    /// then what is held.
    pub(crate) peak: u64,
}

impl Needs {
    pub(crate) fn of(blacklist: &Blacklist<Bytes>) -> Needs {
        let (file, image) = (blacklist.file_bytes(), blacklist.guest_image().len() as u64);
        Needs { held: file + CODE_BYTES, peak: file + file.max(3 * image) + COMPILER_BYTES }
    }
}

/// Refuses a blacklist that does not fit beside what is held already, the generation before it included: that serves until the switch.
pub(crate) fn require_room(blacklist: &Blacklist<Bytes>, held: u64, limit: u64) -> Result<(), Failure> {
    let needs = Needs::of(blacklist);
    if held.saturating_add(needs.peak) <= limit {
        return Ok(());
    }
    let message = format!(
        "loading blacklist {:?}, generation {}, takes {} at its peak, {} of which it keeps; {} are held already, and the node's \
         limit is {}: raise threatsieve.memory_limit in opensearch.yml, or push a smaller blacklist",
        blacklist.name(),
        blacklist.generation(),
        megabytes(needs.peak),
        megabytes(needs.held),
        megabytes(held),
        megabytes(limit)
    );
    Err(Failure::new(Kind::Budget, message))
}

/// Rounded up: what is told to be there is there.
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

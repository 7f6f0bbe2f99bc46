//! Reading of small inputs as a whole, with a limit on their size.

use std::io::{self, Read};

/// Reads an input to its end. Returns `None` if it is longer than `max_bytes`.
pub(crate) fn read_limited(from: impl Read, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "bounded by `take`")]
    from.take(max_bytes + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max_bytes).then_some(bytes))
}

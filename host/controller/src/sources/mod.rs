//! Files, folders and standard input: finds and opens them, unpacks them, and cuts them into pieces
//! for all cores.

mod archive;
mod atomic_file;
mod chunks;
mod decoder;
mod likeness;
mod ordered;
mod pattern;
mod raw;
mod text;
mod walk;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::os::fd::AsFd;

pub(crate) use atomic_file::{AtomicFile, target_of_temporary};
pub(crate) use chunks::{BUFFER_BYTES, Chunk, Chunks};
pub(crate) use decoder::{Damage, Decoder, is_packed};
pub(crate) use likeness::{Likeness, files, likeness};
pub(crate) use ordered::{Parts, Queue, in_order};
pub(crate) use pattern::{Expanded, PathPattern};
pub(crate) use raw::Waiting;
pub(crate) use walk::{Input, Unreadable, Walk};

/// Opens an input and starts to unpack it.
pub(crate) fn open(input: &Input, waiting: Waiting) -> Result<Decoder, Damage> {
    let unreadable = |source| Damage::Unreadable { offset: 0, source };
    let file = match input {
        Input::Stdin => stdin_file(),
        Input::File(path) => File::open(path),
    };
    start(file.map_err(unreadable)?, waiting)
}

/// Starts to unpack a file on disk from its first byte.
pub(crate) fn unpack(mut file: File) -> Result<Decoder, Damage> {
    file.rewind().map_err(|source| Damage::Unreadable { offset: 0, source })?;
    start(file, Waiting::Silently)
}

fn start(file: File, waiting: Waiting) -> Result<Decoder, Damage> {
    let raw =
        raw::Raw::new(file, waiting).map_err(|source| Damage::Unreadable { offset: 0, source })?;
    Decoder::new(raw::Counted::new(raw))
}

/// Opens an input for a reader that needs a buffer and can wait.
pub(crate) fn open_buffered(input: &Input) -> Result<BufReader<Decoder>, Damage> {
    Ok(BufReader::with_capacity(64 * 1024, open(input, Waiting::Silently)?))
}

/// Opens standard input without the standard library's buffer, which would hide if more bytes are
/// available.
fn stdin_file() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

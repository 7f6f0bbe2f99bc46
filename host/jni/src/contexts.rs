//! The times and ports of events as Java passes them: for each document the length of its time (one
//! byte), its time, and its destination port as a little-endian `u16` (0 for none).

use threatsieve_blacklist::Timestamp;

use crate::failure::{Failure, Kind};

const PORT_BYTES: usize = 2;

/// The properties of an event besides its observables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// `None` if it has no time, or one that cannot be read.
    pub(crate) time: Option<Timestamp>,
    /// The destination port.
    pub(crate) port: Option<u16>,
}

/// The contexts of a batch's documents.
#[derive(Debug)]
pub(crate) struct Contexts<'a>(Vec<(&'a [u8], u16)>);

impl<'a> Contexts<'a> {
    pub(crate) fn new(bytes: &'a [u8], documents: u32) -> Result<Contexts<'a>, Failure> {
        // A document takes at least three bytes, so no memory is reserved for documents that are
        // not there.
        let room = (documents as usize).min(bytes.len() / (1 + PORT_BYTES));
        let mut contexts = Vec::new();
        contexts
            .try_reserve_exact(room)
            .map_err(|_| Failure::memory(room * size_of::<(&[u8], u16)>(), "a list of contexts"))?;
        let mut rest = bytes;
        while let Some((&length, after)) = rest.split_first() {
            let parts = after
                .split_at_checked(length.into())
                .and_then(|(time, after)| Some((time, after.split_first_chunk::<PORT_BYTES>()?)));
            let Some((time, (port, after))) = parts else {
                let message =
                    format!("contexts: that of document {} runs past the end", contexts.len());
                return Err(Failure::new(Kind::Internal, message));
            };
            if contexts.len() == documents as usize {
                let message =
                    format!("contexts: expected those of {documents} documents, got more");
                return Err(Failure::new(Kind::Internal, message));
            }
            contexts.push((time, u16::from_le_bytes(*port)));
            rest = after;
        }
        if contexts.len() != documents as usize {
            let message = format!(
                "contexts: expected those of {documents} documents, got {}",
                contexts.len()
            );
            return Err(Failure::new(Kind::Internal, message));
        }
        Ok(Contexts(contexts))
    }

    /// Returns a document's context.
    pub(crate) fn at(&self, document: u32) -> Context {
        let Some((time, port)) = self.0.get(document as usize) else { return Context::default() };
        let time = std::str::from_utf8(time).ok().and_then(threatsieve_log::parse_time);
        Context { time, port: Some(*port).filter(|port| *port > 0) }
    }
}

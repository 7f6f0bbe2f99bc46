//! The events' own times, as Java hands them over: for each document a length in one byte, then that many bytes of text.

use threatsieve_blacklist::Timestamp;

use crate::failure::{Failure, Kind};

/// Where each document's time stands.
#[derive(Debug)]
pub(crate) struct Times<'a>(Vec<&'a [u8]>);

impl<'a> Times<'a> {
    pub(crate) fn new(bytes: &'a [u8], documents: u32) -> Result<Times<'a>, Failure> {
        // A document takes a byte at least, so that no number of them is reserved for that is not there.
        let room = (documents as usize).min(bytes.len());
        let mut times = Vec::new();
        times
            .try_reserve_exact(room)
            .map_err(|_| Failure::memory(room * size_of::<&[u8]>(), "a list of times"))?;
        let mut rest = bytes;
        while let Some((&length, after)) = rest.split_first() {
            let Some((text, after)) = after.split_at_checked(length.into()) else {
                let message = format!("times: that of document {} runs past the end", times.len());
                return Err(Failure::new(Kind::Internal, message));
            };
            times.push(text);
            rest = after;
        }
        if times.len() != documents as usize {
            let message = format!("times: expected those of {documents} documents, got {}", times.len());
            return Err(Failure::new(Kind::Internal, message));
        }
        Ok(Times(times))
    }

    /// A document's time, if it has one that can be read.
    pub(crate) fn at(&self, document: u32) -> Option<Timestamp> {
        threatsieve_log::moment(std::str::from_utf8(self.0.get(document as usize)?).ok()?)
    }
}

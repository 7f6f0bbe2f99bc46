//! One input of a feed, limited in length.

use std::io::{self, BufReader, Read};

use threatsieve_blacklist::Indicator;
use threatsieve_feed::{FeedError, FeedOptions, FeedReport, RejectedLine, StixSet, read_feed};

use crate::config::Feed;
use crate::sources::Decoder;

/// Most bytes of one file on this machine, unpacked: 64 GiB.
pub(super) const MAX_FILE_BYTES: u64 = 64 << 30;

/// How a feed's inputs are read.
pub(super) fn options(feed: &Feed) -> FeedOptions {
    FeedOptions {
        format: feed.format.clone(),
        url_mode: Some(feed.url_mode),
        match_port: feed.match_port,
    }
}

/// Reads an input to its end.
pub(super) fn read(
    input: Bounded,
    options: &FeedOptions,
    set: &mut StixSet,
    each: &mut dyn FnMut(Indicator, &str),
    rejected: &mut dyn FnMut(RejectedLine),
) -> Result<FeedReport, FeedError> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    read_feed(&mut input, options, 0, set, each, rejected)
}

/// An unpacked input that may not grow beyond a limit: a small file can hold a very long one.
pub(super) struct Bounded {
    decoder: Decoder,
    left: u64,
}

impl Bounded {
    pub(super) fn new(decoder: Decoder, max_bytes: u64) -> Bounded {
        Bounded { decoder, left: max_bytes }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self
            .decoder
            .read(buffer)
            .map_err(|error| io::Error::other(self.decoder.damage(error)))?;
        self.left = self.left.checked_sub(n as u64).ok_or_else(|| {
            io::Error::other(
                "expected no more bytes, unpacked, than `max_body` in [http] allows, got more",
            )
        })?;
        Ok(n)
    }
}

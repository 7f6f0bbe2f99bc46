//! Reading one input of a feed, up to a limit.

use std::io::{self, Read};

use threatsieve_blacklist::Timestamp;
use threatsieve_feed::preset::Presets;
use threatsieve_feed::{FeedOptions, StixLimits, latest_modified};

use crate::config::Feed;
use crate::sources::Decoder;

/// Maximum size of one local file, unpacked: 64 GiB.
pub(super) const MAX_FILE_BYTES: u64 = 64 << 30;
/// Size of the buffer for an input.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// Returns the limits and options for reading a feed's STIX objects.
pub(super) fn limits(feed: &Feed, now: Timestamp) -> StixLimits {
    StixLimits {
        url_mode: feed.url_mode,
        latest_modified: latest_modified(now),
        objects: feed.policy.objects.clone(),
        ..StixLimits::default()
    }
}

/// Returns the options for reading a feed's inputs.
pub(super) fn options(feed: &Feed) -> FeedOptions {
    FeedOptions {
        format: feed.format.clone(),
        url_mode: Some(feed.url_mode),
        match_port: feed.match_port,
        presets: Presets::default(),
        is_utf8: false,
    }
}

/// An unpacked input with a limit on its size, because a small packed file can unpack to a huge
/// one.
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
                "expected at most as many bytes, unpacked, as `max_body` in [http] allows, got more",
            )
        })?;
        Ok(n)
    }
}

//! The look-up itself: a batch of observables in, hits out. What the component runs; hosts run it natively in tests and benches only.

use crate::hit::{Found, Hit, MAX_HITS_PER_OBSERVABLE};
use crate::image::{Image, ImageError, Role, Section};
use crate::normalise::{Target, Unusual, parse_v4};
use crate::observable::{BatchError, BatchReader, Kind};
use crate::sets::{HostFilter, MatchSet};

/// A blacklist as the matcher reads it, in place, from the guest's image.
pub struct GuestBlacklist<'a> {
    image: Image<'a>,
    hosts: HostFilter<'a>,
    block: MatchSet<'a>,
    allow: MatchSet<'a>,
}

/// What a matcher keeps between look-ups, so that they allocate nothing.
#[derive(Default)]
pub struct Scratch {
    target: Target,
    found: Vec<Found>,
    allowed: Vec<Found>,
}

impl<'a> GuestBlacklist<'a> {
    /// Reads an image, which the host has verified.
    pub fn new(image: &'a [u8]) -> Result<GuestBlacklist<'a>, ImageError> {
        let image = Image::new(image)?;
        Ok(GuestBlacklist {
            hosts: HostFilter::new(image.section(Role::Block, Section::HostFilter).unwrap_or_default()),
            block: MatchSet::read(&image, Role::Block)?,
            allow: MatchSet::read(&image, Role::Allow)?,
            image,
        })
    }

    /// The header.
    pub fn image(&self) -> &Image<'a> {
        &self.image
    }

    /// Adds the hits of a batch, in the order of its observables, the most specific entry first. Hits that the allow-list suppresses are among
    /// them and name its entry.
    pub fn check(&self, batch: &[u8], scratch: &mut Scratch, hits: &mut Vec<Hit>) -> Result<(), BatchError> {
        for (number, observable) in (0u32..).zip(BatchReader::new(batch)?) {
            let (kind, value) = observable?;
            if self.may_match(kind, value) {
                self.look_up(number, kind, value, scratch, hits);
            }
        }
        Ok(())
    }

    /// The same without settling misses beforehand: what [`Self::check`] is held to.
    #[cfg(feature = "host")]
    pub(crate) fn check_without_filter(&self, batch: &[u8], scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        for (number, observable) in (0u32..).zip(BatchReader::new(batch).into_iter().flatten()) {
            if let Ok((kind, value)) = observable {
                self.look_up(number, kind, value, scratch, hits);
            }
        }
    }

    /// Settles most misses from the value's bytes as they are: false when nothing listed covers it. Public for the bench's adversary.
    #[doc(hidden)]
    #[inline(always)]
    pub fn may_match(&self, kind: Kind, value: &[u8]) -> bool {
        let host = match kind {
            Kind::Address => {
                return parse_v4(value).is_none_or(|address| self.block.ipv4().covers(address.into()));
            }
            Kind::Host => Some((0, value.len())),
            Kind::Url => url_authority(value),
            Kind::Any | Kind::Hash | Kind::Email => None,
        };
        let Some((start, end)) = host else { return true };
        let end = without_port_and_dot(value, start, end);
        matches!(self.hosts.may_cover(value, start, end), Ok(true) | Err(Unusual))
    }

    #[inline(never)]
    fn look_up(&self, number: u32, kind: Kind, value: &[u8], scratch: &mut Scratch, hits: &mut Vec<Hit>) {
        let Scratch { target, found, allowed } = scratch;
        target.read(kind, value);
        found.clear();
        self.block.look_up(target, found);
        if found.is_empty() {
            return;
        }
        found.sort_unstable_by(|a, b| (b.specificity, a.entry, a.how).cmp(&(a.specificity, b.entry, b.how)));
        found.dedup_by_key(|found| found.entry);
        found.truncate(MAX_HITS_PER_OBSERVABLE);
        allowed.clear();
        self.allow.look_up(target, allowed);
        let allowed =
            allowed.iter().filter(|found| !found.how.is_partial()).max_by_key(|found| found.specificity);
        hits.extend(found.iter().map(|found| Hit {
            observable: number,
            entry: found.entry,
            how: found.how,
            allowed_by:
                allowed.filter(|allow| allow.specificity >= found.specificity).map(|allow| allow.entry),
        }));
    }
}

/// Where a URL's authority stands, if that can be told at a glance.
#[inline(always)]
fn url_authority(value: &[u8]) -> Option<(usize, usize)> {
    let start = match value {
        [_, _, _, _, b':', b'/', b'/', ..] => scheme(&value[..4], b"http")?,
        [_, _, _, _, _, b':', b'/', b'/', ..] => scheme(&value[..5], b"https")?,
        _ if value.iter().any(|b| matches!(b, b'/' | b'?' | b'#')) => return None,
        _ => 0,
    };
    let rest = value.get(start..)?;
    let length = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    Some((start, start + length))
}

/// Where the authority starts after that scheme.
#[inline(always)]
fn scheme(value: &[u8], scheme: &[u8]) -> Option<usize> {
    value.eq_ignore_ascii_case(scheme).then_some(scheme.len() + 3)
}

/// The end of the host once a port and the root's dot are left out.
#[inline(always)]
fn without_port_and_dot(value: &[u8], start: usize, end: usize) -> usize {
    let mut end = end;
    let mut at = end;
    while at > start && value[at - 1].is_ascii_digit() {
        at -= 1;
    }
    if at > start && value[at - 1] == b':' {
        end = at - 1;
    }
    if end > start && value[end - 1] == b'.' {
        end -= 1;
    }
    end
}

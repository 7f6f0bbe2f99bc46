//! The look-up itself: a batch of observables in, hits out. What the component runs; hosts run it natively in tests and benches only.

use crate::hit::{Found, Hit, How, MAX_HITS_PER_OBSERVABLE};
use crate::image::{Image, ImageError, Role, Section};
use crate::normalise::{BLOCK, Target, Unusual, ends_authority, is_plain};
use crate::observable::{BatchError, BatchReader, Kind};
use crate::sets::{Glance, HostFilter, MatchSet};

/// Observables whose filter words are asked for together: a few more than the loads that a processor keeps in flight.
const GROUP: usize = 32;

/// An observable of a batch, after a first look.
#[derive(Clone, Copy)]
struct Observed {
    kind: Kind,
    start: usize,
    end: usize,
    glance: Glance,
}

impl Default for Observed {
    fn default() -> Observed {
        Observed { kind: Kind::Any, start: 0, end: 0, glance: Glance::Miss }
    }
}

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
        let mut observables = BatchReader::new(batch)?;
        let mut group = [Observed::default(); GROUP];
        let mut first = 0;
        loop {
            let mut count = 0;
            while count < GROUP
                && let Some(observable) = observables.next_place()
            {
                let (kind, start, end) = observable?;
                group[count] = Observed { kind, start, end, glance: self.glance(kind, batch, start, end) };
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            self.check_group(first, batch, &mut group[..count], scratch, hits);
            first += count as u32;
        }
    }

    /// Asks the filter for all of a group, whose hashes are known: the memory answers such questions side by side, while one look-up after the
    /// other would wait for each.
    #[inline(always)]
    fn check_group(
        &self,
        first: u32,
        batch: &[u8],
        group: &mut [Observed],
        scratch: &mut Scratch,
        hits: &mut Vec<Hit>,
    ) {
        let mut open = 0u32;
        for (number, seen) in group.iter().enumerate() {
            let is_open = match seen.glance {
                Glance::Miss => false,
                Glance::Probe(hash) => self.hosts.may_hold(hash),
                Glance::Open => true,
            };
            open |= u32::from(is_open) << number;
        }
        while open != 0 {
            let number = open.trailing_zeros();
            open &= open - 1;
            let Observed { kind, start, end, .. } = group[number as usize];
            if self.may_match_in(kind, batch, start, end, &mut scratch.target) {
                self.look_up(first + number, kind, &batch[start..end], scratch, hits);
            }
        }
    }

    /// What can be told of an observable without asking the filter.
    #[inline(always)]
    fn glance(&self, kind: Kind, batch: &[u8], start: usize, end: usize) -> Glance {
        if kind == Kind::Address {
            let may_match = self.block.may_hold_address(batch, start, end);
            return if may_match { Glance::Open } else { Glance::Miss };
        }
        match host_span(kind, &batch[start..end]) {
            Some((from, to)) => self.hosts.glance(batch, start + from, start + to),
            None => Glance::Open,
        }
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

    /// Whether the filter lets a host pass, so that it has to be looked up exactly. Public for the bench's adversary.
    #[doc(hidden)]
    pub fn passes_filter(&self, host: &[u8]) -> bool {
        self.hosts.may_cover(host, 0, host.len()) == Ok(true)
    }

    /// Settles nearly all misses from the value's bytes as they are: false when nothing listed covers it. `target` is only for its memory.
    #[inline(never)]
    fn may_match_in(&self, kind: Kind, batch: &[u8], start: usize, end: usize, target: &mut Target) -> bool {
        let value = &batch[start..end];
        let Some((from, to)) = host_span(kind, value) else { return true };
        match self.hosts.may_cover(batch, start + from, start + to) {
            Ok(false) => false,
            // The filter stops at the first suffix that seems listed. What stands before it may still be
            // unusual, and then the name must be normalised before it is looked up.
            Ok(true) if !is_plain(batch, start + from, start + to) => true,
            Ok(true) => {
                self.block.may_hold_host(&value[from..to], !matches!(kind, Kind::Host | Kind::Word), target)
            }
            Err(Unusual) => true,
        }
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
            how: if kind == Kind::Word { How::FileName } else { found.how },
            allowed_by:
                allowed.filter(|allow| allow.specificity >= found.specificity).map(|allow| allow.entry),
        }));
    }
}

/// Where the host stands in the observable, without port and root's dot, if that can be told at a glance.
#[inline(always)]
fn host_span(kind: Kind, value: &[u8]) -> Option<(usize, usize)> {
    let (start, end) = match kind {
        Kind::Host | Kind::Word => (0, value.len()),
        Kind::Url => url_authority(value)?,
        // A name or an address as it stands alone; what `Kind::Any` takes for something else has one of these, or is all digits.
        Kind::Any
            if value.contains(&b'.')
                && !value.iter().any(|b| matches!(b, b'/' | b'?' | b'#' | b'@' | b':')) =>
        {
            (0, value.len())
        }
        Kind::Any | Kind::Address | Kind::Hash | Kind::Email => return None,
    };
    let end = without_port_and_dot(value, start, end);
    // What follows a colon is no part of the host, whatever it is. The last block's own are met when it is read.
    let is_cut =
        value[start..end].split_last_chunk::<BLOCK>().is_some_and(|(front, _)| front.contains(&b':'));
    (!is_cut).then_some((start, end))
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
    let length = rest.iter().position(|&b| ends_authority(b)).unwrap_or(rest.len());
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

//! The look-up: a batch of observables in, hits out. The component runs it. Hosts run it natively
//! in tests and benches only.

use crate::hit::{Found, Hit, How, MAX_HITS_PER_OBSERVABLE};
use crate::image::{Image, ImageError, Role, Section};
use crate::normalise::{BLOCK, Target, Unusual, ends_authority, is_plain};
use crate::observable::{BatchError, BatchReader, Kind};
use crate::sets::{HostFilter, MatchSet, QuickCheck};

/// The number of observables whose filter words are read together: a few more than the loads that a
/// processor keeps in flight.
const GROUP: usize = 32;

/// An observable of a batch, after the quick check.
#[derive(Clone, Copy)]
struct Observed {
    kind: Kind,
    start: usize,
    end: usize,
    quick_check: QuickCheck,
}

impl Default for Observed {
    fn default() -> Observed {
        Observed { kind: Kind::Any, start: 0, end: 0, quick_check: QuickCheck::Miss }
    }
}

/// A blacklist as the matcher reads it: in place, from the guest's image.
pub struct GuestBlacklist<'a> {
    image: Image<'a>,
    hosts: HostFilter<'a>,
    block: MatchSet<'a>,
    allow: MatchSet<'a>,
}

/// Buffers that a matcher keeps between look-ups, so that look-ups allocate nothing.
#[derive(Default)]
pub struct Scratch {
    target: Target,
    found: Vec<Found>,
    allowed: Vec<Found>,
}

impl<'a> GuestBlacklist<'a> {
    /// Reads an image that the host has verified.
    pub fn new(image: &'a [u8]) -> Result<GuestBlacklist<'a>, ImageError> {
        let image = Image::new(image)?;
        Ok(GuestBlacklist {
            hosts: HostFilter::new(
                image.section(Role::Block, Section::HostFilter).unwrap_or_default(),
            ),
            block: MatchSet::read(&image, Role::Block)?,
            allow: MatchSet::read(&image, Role::Allow)?,
            image,
        })
    }

    /// The header.
    pub fn image(&self) -> &Image<'a> {
        &self.image
    }

    /// Adds the hits of a batch, in the order of its observables, for each the most specific entry
    /// first. Suppressed hits are included; they name the allow-list entry that suppresses them.
    pub fn check(
        &self,
        batch: &[u8],
        scratch: &mut Scratch,
        hits: &mut Vec<Hit>,
    ) -> Result<(), BatchError> {
        let mut observables = BatchReader::new(batch)?;
        let mut group = [Observed::default(); GROUP];
        let mut first = 0;
        loop {
            let mut count = 0;
            while count < GROUP
                && let Some(observable) = observables.next_place()
            {
                let (kind, start, end) = observable?;
                group[count] = Observed {
                    kind,
                    start,
                    end,
                    quick_check: self.quick_check(kind, batch, start, end),
                };
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            self.check_group(first, batch, &mut group[..count], scratch, hits);
            first += count as u32;
        }
    }

    /// Reads the filter words of a whole group, whose hashes are known. Memory answers these reads
    /// in parallel. Look-ups one after the other would wait for each read.
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
            let is_open = match seen.quick_check {
                QuickCheck::Miss => false,
                QuickCheck::Probe(hash) => self.hosts.may_hold(hash),
                QuickCheck::Undecided => true,
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

    /// Decides as much as possible about an observable without reading the filter's words.
    #[inline(always)]
    fn quick_check(&self, kind: Kind, batch: &[u8], start: usize, end: usize) -> QuickCheck {
        if kind == Kind::Address {
            let may_match = self.block.may_hold_address(batch, start, end);
            return if may_match { QuickCheck::Undecided } else { QuickCheck::Miss };
        }
        match host_span(kind, &batch[start..end]) {
            Some((from, to)) => self.hosts.quick_check(batch, start + from, start + to),
            None => QuickCheck::Undecided,
        }
    }

    /// The same without the filter. [`Self::check`] must give equal answers.
    #[cfg(feature = "host")]
    pub(crate) fn check_without_filter(
        &self,
        batch: &[u8],
        scratch: &mut Scratch,
        hits: &mut Vec<Hit>,
    ) {
        for (number, observable) in (0u32..).zip(BatchReader::new(batch).into_iter().flatten()) {
            if let Ok((kind, value)) = observable {
                self.look_up(number, kind, value, scratch, hits);
            }
        }
    }

    /// Returns whether a host passes the filter, so that it is looked up exactly. Public for the
    /// bench that plays an attacker.
    #[doc(hidden)]
    pub fn passes_filter(&self, host: &[u8]) -> bool {
        self.hosts.may_cover(host, 0, host.len()) == Ok(true)
    }

    /// Returns false if nothing listed covers the value. The bytes as logged decide nearly all
    /// misses. `target` only lends its memory.
    #[inline(never)]
    fn may_match_in(
        &self,
        kind: Kind,
        batch: &[u8],
        start: usize,
        end: usize,
        target: &mut Target,
    ) -> bool {
        let value = &batch[start..end];
        let Some((from, to)) = host_span(kind, value) else { return true };
        match self.hosts.may_cover(batch, start + from, start + to) {
            Ok(false) => false,
            // The filter stops at the first suffix that seems listed. The bytes before it may still
            // be unusual, and then the name must be normalised before it is looked up.
            Ok(true) if !is_plain(batch, start + from, start + to) => true,
            Ok(true) => self.block.may_hold_host(
                &value[from..to],
                !matches!(kind, Kind::Host | Kind::Word),
                target,
            ),
            Err(Unusual) => true,
        }
    }

    #[inline(never)]
    fn look_up(
        &self,
        number: u32,
        kind: Kind,
        value: &[u8],
        scratch: &mut Scratch,
        hits: &mut Vec<Hit>,
    ) {
        let Scratch { target, found, allowed } = scratch;
        target.read(kind, value);
        found.clear();
        self.block.look_up(target, found);
        if found.is_empty() {
            return;
        }
        found.sort_unstable_by(|a, b| {
            (b.specificity, a.entry, a.how).cmp(&(a.specificity, b.entry, b.how))
        });
        found.dedup_by_key(|found| found.entry);
        found.truncate(MAX_HITS_PER_OBSERVABLE);
        allowed.clear();
        self.allow.look_up(target, allowed);
        let allowed = allowed
            .iter()
            .filter(|found| !found.how.is_partial())
            .max_by_key(|found| found.specificity);
        hits.extend(found.iter().map(|found| {
            Hit {
                observable: number,
                entry: found.entry,
                how: if kind == Kind::Word { How::FileName } else { found.how },
                allowed_by: allowed
                    .filter(|allow| allow.specificity >= found.specificity)
                    .map(|allow| allow.entry),
            }
        }));
    }
}

/// The position of the host in the observable, without port and trailing dot, if the quick check
/// can find it.
#[inline(always)]
fn host_span(kind: Kind, value: &[u8]) -> Option<(usize, usize)> {
    let (start, end) = match kind {
        Kind::Host | Kind::Word => (0, value.len()),
        Kind::Url => url_authority(value)?,
        // A plain name or address. Any other form of `Kind::Any` contains one of these bytes, or
        // consists of digits only.
        Kind::Any
            if value.contains(&b'.')
                && !value.iter().any(|b| matches!(b, b'/' | b'?' | b'#' | b'@' | b':')) =>
        {
            (0, value.len())
        }
        Kind::Any | Kind::Address | Kind::Hash | Kind::Email | Kind::FileName => return None,
    };
    let end = without_port_and_dot(value, start, end);
    // Bytes after a colon are not part of the host, whatever they are. A colon in the last block is
    // found when the block is read.
    let is_cut = value[start..end]
        .split_last_chunk::<BLOCK>()
        .is_some_and(|(front, _)| front.contains(&b':'));
    (!is_cut).then_some((start, end))
}

/// The position of a URL's authority, if the quick check can find it.
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

/// The offset of the authority, if the URL has this scheme.
#[inline(always)]
fn scheme(value: &[u8], scheme: &[u8]) -> Option<usize> {
    value.eq_ignore_ascii_case(scheme).then_some(scheme.len() + 3)
}

/// The end of the host without a port and a trailing dot.
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

//! The sets of entries, one for each type, each read in place from its section.

mod addresses;
mod digests;
mod domains;
mod filter;
mod front;
mod modes;
mod urls;

pub(crate) use addresses::Ranges;
#[cfg(feature = "host")]
pub(crate) use addresses::{Node, Width};
pub(crate) use digests::Digests;
pub(crate) use domains::Domains;
#[cfg(feature = "host")]
pub(crate) use domains::{mode_bit as domain_mode_bit, reverse_labels};
pub(crate) use filter::{HostFilter, QuickCheck};
pub(crate) use modes::Modes;
pub(crate) use urls::Urls;
#[cfg(feature = "host")]
pub(crate) use urls::mode_bit as url_mode_bit;

use std::net::IpAddr;

use fst::raw::Fst;

use crate::hit::{Found, How, Specificity};
use crate::image::{EntryType, Image, ImageError, Role, Section};
use crate::normalise::{MAX_NAME_BYTES, Target, parse_v4, parse_v4_in};
use crate::value::FileHash;

/// All entries of one role: the blocked ones, or the allowed ones.
pub(crate) struct MatchSet<'a> {
    domains: Option<Domains<'a>>,
    ipv4: Ranges<'a, u32>,
    ipv6: Ranges<'a, u128>,
    urls: Option<Urls<'a>>,
    md5: Digests<'a, 16>,
    sha1: Digests<'a, 20>,
    sha256: Digests<'a, 32>,
    emails: Option<Fst<&'a [u8]>>,
    /// The number of each type's first entry.
    bases: [u32; EntryType::COUNT],
}

impl<'a> MatchSet<'a> {
    pub(crate) fn read(image: &Image<'a>, role: Role) -> Result<MatchSet<'a>, ImageError> {
        let bytes = |section: Section| image.section(role, section).unwrap_or_default();
        let tree = |section: Section| match bytes(section) {
            [] => Ok(None),
            bytes => {
                Fst::new(bytes).map(Some).map_err(|_| ImageError::Section { id: section.id(role) })
            }
        };
        let domains = tree(Section::Domains)?;
        let urls = tree(Section::Urls)?;
        Ok(MatchSet {
            domains: domains
                .map(|names| Domains::new(names, Modes::new(bytes(Section::DomainModes)))),
            ipv4: Ranges::new(bytes(Section::Ipv4)),
            ipv6: Ranges::new(bytes(Section::Ipv6)),
            urls: urls.map(|keys| Urls::new(keys, Modes::new(bytes(Section::UrlModes)))),
            md5: Digests::new(bytes(Section::Md5)),
            sha1: Digests::new(bytes(Section::Sha1)),
            sha256: Digests::new(bytes(Section::Sha256)),
            emails: tree(Section::Emails)?,
            bases: EntryType::ALL.map(|kind| image.first_entry(role, kind)),
        })
    }

    /// Returns false if no listed address can equal `bytes[start..end]`.
    #[inline(always)]
    pub(crate) fn may_hold_address(&self, bytes: &[u8], start: usize, end: usize) -> bool {
        if let Some(address) = parse_v4_in(bytes, start, end) {
            return self.ipv4.covers(address.into());
        }
        // Without listed IPv6 entries only an IPv4-mapped address can match. Those start with
        // zeros.
        let starts_with_zeros =
            !matches!(bytes.get(start), Some(b'1'..=b'9' | b'a'..=b'f' | b'A'..=b'F'));
        starts_with_zeros || !self.ipv6.is_empty() || !bytes[start..end].contains(&b':')
    }

    /// Returns false if no listed entry can match a plain host name or address, in any case, or a
    /// URL with that host. `target` only lends its memory.
    pub(crate) fn may_hold_host(&self, host: &[u8], is_url: bool, target: &mut Target) -> bool {
        if host.len() > MAX_NAME_BYTES {
            return true;
        }
        let is_url = is_url && self.urls.is_some();
        let name = &mut target.host;
        name.clear();
        name.extend(host.iter().map(u8::to_ascii_lowercase));
        if let Some(urls) = self.urls.as_ref().filter(|_| is_url)
            && urls.may_begin_with(name)
        {
            return true;
        }
        if let Some(address) = parse_v4(name) {
            return self.ipv4.covers(address.into());
        }
        if name
            .rsplit(|&b| b == b'.')
            .next()
            .is_some_and(|last| last.first().is_some_and(u8::is_ascii_digit))
        {
            return true;
        }
        let mut found = false;
        if let Some(domains) = &self.domains {
            domains.covering(name, false, |_, _, _| found = true);
        }
        found
    }

    /// Adds every entry that covers the target.
    pub(crate) fn look_up(&self, target: &Target, found: &mut Vec<Found>) {
        if let (Some(domains), false) = (&self.domains, target.host.is_empty()) {
            let base = self.base(EntryType::Domain);
            domains.covering(&target.host, target.host_cut, |ordinal, bytes, how| {
                found.push(Found {
                    specificity: Specificity::name(bytes),
                    entry: base + ordinal,
                    how,
                });
            });
        }
        match target.address {
            Some(IpAddr::V4(v4)) => {
                self.ipv4.covering(v4.into(), self.base(EntryType::Ipv4), found)
            }
            Some(IpAddr::V6(v6)) => {
                self.ipv6.covering(v6.into(), self.base(EntryType::Ipv6), found)
            }
            None => {}
        }
        if let (Some(urls), false) = (&self.urls, target.url.is_empty()) {
            let base = self.base(EntryType::Url);
            urls.covering(
                &target.url,
                target.url_path_end,
                target.url_query_unlogged,
                |ordinal, bytes, how| {
                    found.push(Found {
                        specificity: Specificity::whole(bytes),
                        entry: base + ordinal,
                        how,
                    });
                },
            );
        }
        self.look_up_equal(target, found);
    }

    fn look_up_equal(&self, target: &Target, found: &mut Vec<Found>) {
        let ordinal = match &target.hash {
            Some(FileHash::Md5(md5)) => {
                self.md5.position(md5).map(|i| self.base(EntryType::Md5) + i)
            }
            Some(FileHash::Sha1(sha1)) => {
                self.sha1.position(sha1).map(|i| self.base(EntryType::Sha1) + i)
            }
            Some(FileHash::Sha256(sha256)) => {
                self.sha256.position(sha256).map(|i| self.base(EntryType::Sha256) + i)
            }
            None => None,
        };
        let email = match &self.emails {
            Some(emails) if !target.email.is_empty() => {
                emails.get(&target.email).map(|i| self.base(EntryType::Email) + i.value() as u32)
            }
            _ => None,
        };
        for entry in ordinal.into_iter().chain(email) {
            found.push(Found {
                specificity: Specificity::whole(usize::MAX),
                entry,
                how: How::Exact,
            });
        }
    }

    fn base(&self, kind: EntryType) -> u32 {
        self.bases[kind as usize]
    }
}

/// The little-endian `u32` at an index of an array in a section; 0 past its end.
#[inline(always)]
fn u32_at(array: &[u8], index: usize) -> u32 {
    let at = index * 4;
    match array.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    }
}

/// Takes an array of `bytes` bytes from the front of a section. A section that is too short gives
/// empty arrays.
fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> &'a [u8] {
    match rest.split_at_checked(bytes) {
        Some((head, tail)) => {
            *rest = tail;
            head
        }
        None => {
            *rest = &[];
            &[]
        }
    }
}

//! Decides which values are rejected or narrowed: public suffixes, special-purpose networks and
//! networks wider than a floor.

use std::net::IpAddr;
use std::sync::LazyLock;

use super::CompileOptions;
use crate::image::Role;
use crate::suffix::public_suffix;
use crate::value::{AddressRange, DomainMode, Value};

/// Reasons for rejecting a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum RejectReason {
    /// It covers only the names below a public suffix, which belong to everybody.
    #[error("all names below the public suffix {0}")]
    PublicSuffix(String),
    /// It covers more addresses than the floor's network.
    #[error("wider than /{floor}, and broad networks are not accepted")]
    TooBroad {
        /// The shortest accepted prefix, in bits.
        floor: u32,
    },
    /// All of its parts would be rejected alone. This is the reason for the first one.
    #[error("no part of it is narrow enough: {0}")]
    BroadConjunction(Box<RejectReason>),
    /// Each of its parts that is narrow enough is part of very many conjunctions.
    #[error("its parts are in more than {limit} other conjunctions")]
    ManyConjunctions {
        /// The most conjunctions that one value may find.
        limit: usize,
    },
    /// Allow-lists have single values only.
    #[error("expected a single value in an allow-list, got a conjunction")]
    AllowedConjunction,
    /// It overlaps a network whose addresses mean something else in every log, or nothing at all.
    #[error(
        "touches the special-purpose network {network} ({purpose}), and those are not accepted"
    )]
    SpecialPurpose {
        /// The network.
        network: String,
        /// Its purpose.
        purpose: &'static str,
    },
}

impl RejectReason {
    /// A short name for counting rejections.
    pub fn kind(&self) -> &'static str {
        match self {
            RejectReason::PublicSuffix(_) => "below a public suffix",
            RejectReason::TooBroad { .. } => "network too broad",
            RejectReason::SpecialPurpose { .. } => "special-purpose network",
            RejectReason::BroadConjunction(_) => "broad conjunction",
            RejectReason::ManyConjunctions { .. } => "too many conjunctions",
            RejectReason::AllowedConjunction => "conjunction in an allow-list",
        }
    }
}

/// Returns the value as it is listed, and whether that is narrower than written, or the value with
/// the reason for rejecting it. An allow-list may contain any network.
pub(super) fn admit(
    role: Role,
    value: Value,
    options: &CompileOptions,
) -> Result<(Value, bool), (Value, RejectReason)> {
    match value {
        Value::Domain(name, mode) => match domain_mode(&name, mode) {
            Ok((mode, narrowed)) => Ok((Value::Domain(name, mode), narrowed)),
            Err(reason) => Err((Value::Domain(name, mode), reason)),
        },
        Value::Address(range) if role == Role::Block => match address(&range, options) {
            Ok(()) => Ok((value, false)),
            Err(reason) => Err((value, reason)),
        },
        value => Ok((value, false)),
    }
}

/// Returns the mode in which a domain is listed, and whether that is narrower than written.
///
/// The Public Suffix List decides. ICANN suffixes match exactly. Private suffixes do too, unless
/// the names below them were asked for explicitly (`.x`, `*.x`). Names under a wildcard rule are
/// ordinary domains. A name of one label is a suffix by the list's default rule.
fn domain_mode(name: &str, mode: DomainMode) -> Result<(DomainMode, bool), RejectReason> {
    match (suffix_kind(name), mode) {
        (_, DomainMode::Exact) => Ok((DomainMode::Exact, false)),
        (Suffix::None, DomainMode::Tree) | (Suffix::Private, DomainMode::Tree) => {
            Ok((DomainMode::AtAndBelow, false))
        }
        (Suffix::None, mode) | (Suffix::Private, mode @ DomainMode::Below) => Ok((mode, false)),
        (Suffix::Icann, DomainMode::Below) => Err(RejectReason::PublicSuffix(name.to_owned())),
        (Suffix::Icann | Suffix::Private, _) => Ok((DomainMode::Exact, true)),
    }
}

/// Returns the name as a suffix, if the list has it as one.
fn is_suffix(name: &str) -> Option<psl::Suffix<'_>> {
    public_suffix(name).filter(|suffix| suffix.as_bytes() == name.as_bytes())
}

enum Suffix {
    None,
    Icann,
    Private,
}

fn suffix_kind(name: &str) -> Suffix {
    let labels = name.bytes().filter(|&b| b == b'.').count();
    if labels == 0 {
        return Suffix::Icann;
    }
    let Some(suffix) = is_suffix(name) else { return Suffix::None };
    // Only a wildcard rule makes a sibling with an invented name a suffix.
    let parent = name.split_once('.').map_or("", |(_, parent)| parent);
    if is_suffix(&format!("no-rule-names-this.{parent}")).is_some() {
        return Suffix::None;
    }
    match suffix.typ() {
        Some(psl::Type::Private) => Suffix::Private,
        _ => Suffix::Icann,
    }
}

/// Prefix length of the widest IPv4 network that is accepted.
const FLOOR_V4: u32 = 8;
/// The same for IPv6: /19 is the largest allocation to a member of a registry.
const FLOOR_V6: u32 = 19;

/// Multicast, and the networks of the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC
/// 6890) that are not globally reachable.
const SPECIAL: [(&str, &str); 27] = [
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private use"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private use"),
    ("192.0.0.0/24", "IETF protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.168.0.0/16", "private use"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified address"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/95", "IPv4-mapped addresses"),
    ("64:ff9b:1::/48", "IPv4-IPv6 translation"),
    ("100::/64", "discard-only"),
    ("2001::/23", "IETF protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/9", "link-local and site-local"),
    ("ff00::/8", "multicast"),
];

static NETWORKS: LazyLock<Vec<(AddressRange, &'static str, &'static str)>> = LazyLock::new(|| {
    let parse = |(text, purpose): &(&'static str, &'static str)| {
        Some((AddressRange::parse(text)?, *text, *purpose))
    };
    SPECIAL.iter().filter_map(parse).collect()
});

/// Returns the special-purpose network that contains an address, and its purpose, or `None` for a
/// globally reachable address. An IPv4-mapped IPv6 address counts as IPv4.
pub fn special_purpose(address: IpAddr) -> Option<(&'static str, &'static str)> {
    let address = address.to_canonical();
    let holds = |range: &AddressRange| range.first() <= address && address <= range.last();
    let found = NETWORKS.iter().find(|(range, ..)| holds(range));
    found.map(|(_, network, purpose)| (*network, *purpose))
}

/// Checks whether a range may be blocked.
fn address(range: &AddressRange, options: &CompileOptions) -> Result<(), RejectReason> {
    let (span, floor, width) = match (range.first(), range.last()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            (u128::from(u32::from(last) - u32::from(first)), FLOOR_V4, 32)
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            (u128::from(last) - u128::from(first), FLOOR_V6, 128)
        }
        _ => return Ok(()),
    };
    if !options.accept_broad && span >> (width - floor) != 0 {
        return Err(RejectReason::TooBroad { floor });
    }
    let touches =
        |network: &AddressRange| range.first() <= network.last() && network.first() <= range.last();
    match NETWORKS.iter().find(|(network, ..)| touches(network)) {
        Some((_, network, purpose)) if !options.accept_special => {
            Err(RejectReason::SpecialPurpose { network: (*network).to_owned(), purpose })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_suffixes_are_narrowed() {
        use DomainMode::*;
        let mode = |name: &str, mode| domain_mode(name, mode).ok();
        assert_eq!(mode("evil.com", AtAndBelow), Some((AtAndBelow, false)));
        assert_eq!(mode("evil.com", Tree), Some((AtAndBelow, false)));
        assert_eq!(mode("com", AtAndBelow), Some((Exact, true)));
        assert_eq!(mode("co.uk", AtAndBelow), Some((Exact, true)));
        assert_eq!(mode("co.uk", Tree), Some((Exact, true)));
        assert_eq!(mode("xn--p1ai", AtAndBelow), Some((Exact, true)));
        assert_eq!(mode("xn--80adxhks", AtAndBelow), Some((Exact, true)));
        assert_eq!(mode("xn--55qx5d.cn", AtAndBelow), Some((Exact, true)));
        assert_eq!(mode("com", Below), None);
        assert_eq!(mode("co.uk", Below), None);
        assert_eq!(mode("github.io", AtAndBelow), Some((Exact, true)));
        assert_eq!(mode("github.io", Tree), Some((AtAndBelow, false)));
        assert_eq!(mode("github.io", Below), Some((Below, false)));
        // The rule is `*.ck`, with the exception `!www.ck`.
        assert_eq!(mode("evil.ck", AtAndBelow), Some((AtAndBelow, false)));
        assert_eq!(mode("www.ck", AtAndBelow), Some((AtAndBelow, false)));
        assert_eq!(mode("evil.nosuchtld", AtAndBelow), Some((AtAndBelow, false)));
    }

    #[test]
    fn special_and_broad_networks_are_rejected() {
        let rejected = |text: &str| {
            AddressRange::parse(text)
                .map(|range| address(&range, &CompileOptions::default()).is_err())
        };
        for text in [
            "10.1.2.3",
            "127.0.0.1",
            "192.168.0.0/16",
            "192.0.0.0/8",
            "0.0.0.0/0",
            "224.0.0.1",
            "255.255.255.255",
            "8.0.0.0/7",
            "1.0.0.0-2.0.0.0",
            "::1",
            "fe80::1",
            "fec0::1",
            "2001:db8::1",
            "::/0",
            "2000::/18",
        ] {
            assert_eq!(rejected(text), Some(true), "{text}");
        }
        for text in [
            "1.2.3.4",
            "8.0.0.0/8",
            "9.255.255.255",
            "11.0.0.0",
            "223.255.255.255",
            "2a00::/19",
            "2606:4700::1111",
        ] {
            assert_eq!(rejected(text), Some(false), "{text}");
        }
        assert_eq!(NETWORKS.len(), SPECIAL.len());
    }

    #[test]
    fn special_purpose_addresses_are_named() {
        let purpose =
            |text: &str| special_purpose(text.parse().unwrap()).map(|(_, purpose)| purpose);
        for (text, want) in [
            ("127.0.0.1", Some("loopback")),
            ("0.0.0.0", Some("this network")),
            ("169.254.169.254", Some("link-local")),
            ("::ffff:10.0.0.1", Some("private use")),
            ("fd00::1", Some("unique local")),
            ("9.9.9.9", None),
            ("2620:fe::fe", None),
        ] {
            assert_eq!(purpose(text), want, "{text}");
        }
    }
}

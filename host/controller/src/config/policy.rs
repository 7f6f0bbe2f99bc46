//! `[feeds.policy]`: which of a feed's indicators count.

use std::path::PathBuf;
use std::time::Duration;

use threatsieve_blacklist::{EntryType, Tlp};
use threatsieve_feed::{Expression, ObjectFilter, Subject};
use toml::Spanned;
use toml::de::DeValue;

use super::kinds::{
    DURATION, Describe, FilePath, Kind, Plain, TEXT, TlpLevel, Words, integer, or_problem,
};
use super::nested::{TableOf, list, non_empty_list};
use super::reader::{Place, Reader};
use super::shown::quoted;

/// The policy of a feed. The default lets everything count.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeedPolicy {
    pub(crate) min_confidence: u8,
    pub(crate) max_tlp: Tlp,
    /// STIX names of the types that count; `None` for all.
    pub(crate) types: Option<Vec<&'static str>>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) scope: Scope,
    pub(crate) expiry: Expiry,
    /// Files and folders of lists whose values do not count.
    pub(crate) allow: Vec<PathBuf>,
    /// Files and folders of MISP warninglists.
    pub(crate) warninglists: Vec<PathBuf>,
    /// The filter on STIX objects and labels.
    pub(crate) objects: ObjectFilter,
}

impl Default for FeedPolicy {
    fn default() -> FeedPolicy {
        FeedPolicy {
            min_confidence: 0,
            max_tlp: Tlp::Red,
            types: None,
            max_age: None,
            scope: Scope::AsListed,
            expiry: Expiry::default(),
            allow: Vec::new(),
            warninglists: Vec::new(),
            objects: ObjectFilter::default(),
        }
    }
}

/// The hosts that a feed's domains cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// The listed name only, unless it is written as `.x` or `*.x`.
    Exact = 0,
    /// As the feed says.
    AsListed = 1,
    /// The listed name, and all names below it.
    Subtree = 2,
}

fields! {
    /// Conditions that the indicators of one feed must meet, in addition to `[matching]`. Without a
    /// setting, everything counts. [policy.md](policy.md) says which rule comes first, and what a
    /// change means for flags.
    #[heading = "[feeds.policy]"]
    struct PolicySettings<'a> {
        /// Ignore indicators with a lower confidence. Indicators without a confidence count; the
        /// feed's `confidence` gives them one.
        #[setting(integer::<u8>(0, 100, ""), default = 0, example = 50)]
        min_confidence: u8,

        /// Ignore indicators whose TLP is stricter than this. Indicators without a marking count;
        /// the feed's `tlp` gives them one.
        #[setting(TlpLevel, default = "RED", example = "AMBER")]
        max_tlp: Tlp,

        /// Types of values that count. Without it, all types count.
        #[setting(non_empty_list(TYPE, "types"), optional, example = ["domain-name", "url"])]
        types: Option<Vec<&'static str>>,

        /// Labels and types of indicators that pass, or are dropped; see `feeds.policy.labels`.
        #[setting(TableOf(&Labels::TABLE), default = {}, example = { drop = ["benign"] })]
        labels: Reader<'a>,

        /// Properties of STIX indicators that pass, or are dropped, and of packages of STIX 1.x;
        /// see `feeds.policy.filter`.
        #[setting(
            TableOf(&Filter::TABLE),
            default = {},
            example = { pass = "[indicator:created_by_ref = 'identity--1']" }
        )]
        filter: Reader<'a>,

        /// An indicator ends this long after its last change, or after the start of its validity if
        /// that is later. Without either, a TAXII collection's counts from its arrival, and a
        /// list's value as long as it is listed.
        #[setting(DURATION, optional, example = "180d")]
        max_age: Option<Duration>,

        /// Hosts that a domain covers: `exact`, the name itself unless it is listed as `.x` or
        /// `*.x`; `subtree`, also all names below it. Without it, the feed's own form decides.
        #[setting(
            Words(&[("exact", Scope::Exact), ("subtree", Scope::Subtree)]),
            optional,
            example = "exact"
        )]
        scope: Option<Scope>,

        /// End of validity where the feed gives none; see `feeds.policy.expiry`.
        #[setting(TableOf(&ExpirySettings::TABLE), default = {}, example = { url = "30d" })]
        expiry: Reader<'a>,

        /// Files, or folders of files: lists of values that this feed must not name. A domain
        /// covers itself, all names below it, and URLs on them; a network for all addresses in
        /// it.
        #[setting(list(FilePath, "paths"), default = [], example = ["ours.txt"])]
        allow: Vec<PathBuf>,

        /// MISP warninglists: files, or folders of files `*.json`. Values that a list covers do not
        /// count, and their flags are retracted.
        #[setting(
            list(FilePath, "paths"),
            default = [],
            example = ["/usr/share/misp-warninglists/lists"]
        )]
        warninglists: Vec<PathBuf>,
    }
}

settings! {
    /// Labels, compared without regard to case: the properties `labels` and `indicator_types` of
    /// STIX 2, the types of an indicator of STIX 1.x (`Type`), and the labels of a list's line.
    #[heading = "[feeds.policy.labels]"]
    struct Labels {
        /// Labels of which an indicator must have one. Without any, all pass.
        #[setting(list(TEXT, "strings"), default = [], example = ["malicious-activity"])]
        pass: Vec<String>,

        /// Labels of which an indicator must have none.
        #[setting(list(TEXT, "strings"), default = [], example = ["benign", "test"])]
        drop: Vec<String>,
    }
}

settings! {
    /// Expressions about the properties of an indicator, in the form of a STIX pattern with one
    /// pair of brackets. A path starts with `indicator:`; `[*]` is any element of a list. In STIX
    /// 1.x, the same properties have the same names. About packages of STIX 1.x, a path starts with
    /// `package:`. [policy.md](policy.md#filter) lists the properties.
    #[heading = "[feeds.policy.filter]"]
    struct Filter {
        /// Only indicators for which this holds count.
        #[setting(
            Expressions(Subject::Indicator),
            optional,
            example = "[indicator:kill_chain_phases[*].phase_name = 'command-and-control']"
        )]
        pass: Option<Expression>,

        /// Indicators for which this holds do not count.
        #[setting(
            Expressions(Subject::Indicator),
            optional,
            example = "[indicator:name LIKE 'Test%']"
        )]
        drop: Option<Expression>,

        /// Only packages of STIX 1.x for which this holds count. Others are dropped as a whole.
        #[setting(
            Expressions(Subject::Package),
            optional,
            example = "[package:intents[*] = 'Indicators - Watchlist']"
        )]
        pass_package: Option<Expression>,

        /// Packages of STIX 1.x for which this holds are dropped as a whole.
        #[setting(Expressions(Subject::Package), optional, example = "[package:tlp = 'RED']")]
        drop_package: Option<Expression>,
    }
}

settings! {
    /// Time after which a value ends, by its type, if the feed gives no end. It is counted as
    /// `max_age` is.
    #[heading = "[feeds.policy.expiry]"]
    struct ExpirySettings {
        /// Domains.
        #[key = "domain-name"]
        #[setting(DURATION, optional, example = "90d")]
        domain: Option<Duration>,

        /// IPv4 addresses and networks.
        #[key = "ipv4-addr"]
        #[setting(DURATION, optional, example = "30d")]
        ipv4: Option<Duration>,

        /// IPv6 addresses and networks.
        #[key = "ipv6-addr"]
        #[setting(DURATION, optional, example = "30d")]
        ipv6: Option<Duration>,

        /// URLs.
        #[setting(DURATION, optional, example = "30d")]
        url: Option<Duration>,

        /// Digests of files.
        #[setting(DURATION, optional, example = "365d")]
        file: Option<Duration>,

        /// Email addresses.
        #[key = "email-addr"]
        #[setting(DURATION, optional, example = "90d")]
        email: Option<Duration>,
    }
}

/// The time after which a value ends, by its type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Expiry([Option<Duration>; EntryType::COUNT]);

impl Expiry {
    fn new(settings: &ExpirySettings) -> Expiry {
        Expiry(EntryType::ALL.map(|one| match one {
            EntryType::Domain => settings.domain,
            EntryType::Ipv4 => settings.ipv4,
            EntryType::Ipv6 => settings.ipv6,
            EntryType::Url => settings.url,
            EntryType::Md5 | EntryType::Sha1 | EntryType::Sha256 | EntryType::FileName => {
                settings.file
            }
            EntryType::Email => settings.email,
        }))
    }

    /// Returns whether any type has one.
    pub(crate) fn is_set(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    pub(crate) fn of(&self, one: EntryType) -> Option<Duration> {
        self.0.get(one as usize).copied().flatten()
    }
}

const TYPES: [&str; 6] = ["domain-name", "ipv4-addr", "ipv6-addr", "url", "file", "email-addr"];

const TYPE: Plain<&'static str> = Plain {
    name: "type",
    expected: "one of domain-name, ipv4-addr, ipv6-addr, url, file and email-addr",
    parse: |value| {
        let name = value.as_str()?;
        TYPES.into_iter().find(|known| *known == name)
    },
};

/// An expression about the properties of an indicator or a package.
#[derive(Debug)]
struct Expressions(Subject);

impl Describe for Expressions {
    fn name(&self) -> String {
        "expression".to_owned()
    }

    fn expected(&self) -> String {
        match self.0 {
            Subject::Indicator => {
                "an expression about an indicator (\"[indicator:confidence >= 50]\")".to_owned()
            }
            Subject::Package => {
                "an expression about a package (\"[package:name LIKE 'Test%']\")".to_owned()
            }
        }
    }
}

impl Kind<'_> for Expressions {
    type Value = Expression;

    fn read(&self, place: &Place<'_>, value: &Spanned<DeValue<'_>>) -> Option<Expression> {
        let Some(text) = value.get_ref().as_str() else {
            return or_problem(place, value, &self.expected(), None);
        };
        let parsed = Expression::about(self.0, text);
        let got = quoted(text);
        parsed
            .map_err(|error| {
                place.problem(format!("expected {}, got {got}: {error}", self.expected()));
            })
            .ok()
    }
}

pub(super) fn policy(table: &Reader<'_>) -> Option<FeedPolicy> {
    let settings = PolicySettings::read(table);
    let labels = settings.labels.value.and_then(|table| Labels::read(&table));
    let filter = settings.filter.value.and_then(|table| Filter::read(&table));
    let expiry = settings.expiry.value.and_then(|table| ExpirySettings::read(&table));
    let (labels, filter) = (labels?, filter?);
    Some(FeedPolicy {
        min_confidence: settings.min_confidence.value?,
        max_tlp: settings.max_tlp.value?,
        types: settings.types.value?,
        max_age: settings.max_age.value?,
        scope: settings.scope.value?.unwrap_or(Scope::AsListed),
        expiry: Expiry::new(&expiry?),
        allow: settings.allow.value?,
        warninglists: settings.warninglists.value?,
        objects: ObjectFilter {
            pass_labels: labels.pass,
            drop_labels: labels.drop,
            pass: filter.pass,
            drop: filter.drop,
            pass_package: filter.pass_package,
            drop_package: filter.drop_package,
        },
    })
}

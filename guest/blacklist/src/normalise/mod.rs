//! The normaliser: brings the bytes of observables and the text of indicators to one form.
//!
//! [`Target`] holds the forms in which one observable is looked up: a host, an address, a URL, a
//! digest, an email address. The constructors of [`crate::value::Value`] bring indicators to the
//! same forms, by the same functions, after refanging.

mod address;
mod authority;
mod block;
mod host;
mod refang;
mod url;

pub(crate) use address::{parse_strict as parse_address, parse_v4, parse_v4_in, unmap};
#[cfg(feature = "host")]
pub(crate) use authority::{normal_authority, observed_port};
pub(crate) use block::BLOCK;
pub(crate) use host::{MAX_NAME_BYTES, Suffix, Unusual, is_plain, suffixes};
pub(crate) use refang::refang;
pub(crate) use url::ends_authority;

use std::net::IpAddr;

use crate::observable::Kind;
use crate::value::FileHash;

/// The version of the rules. A blacklist names the version that built it, and other versions reject
/// it. Increase it with every change that gives any value another form.
pub const NORMALISER: u16 = 3;

/// The forms in which one observable is looked up. One target is used for many observables, so that
/// reading allocates nothing.
#[derive(Debug, Default)]
pub struct Target {
    /// The host in lower-case A-labels without a trailing dot. Empty without a host and for an
    /// address.
    pub(crate) host: Vec<u8>,
    /// The host was too long to be listed and lost its first labels. What is left is a parent of
    /// the observable.
    pub(crate) host_cut: bool,
    /// The address, if the observable or its host is one.
    pub(crate) address: Option<IpAddr>,
    /// `host[:port]/path[?query]`. Empty without a URL.
    pub(crate) url: Vec<u8>,
    /// The end of the path in `url`: the position of its `?`, or the end of the URL.
    pub(crate) url_path_end: usize,
    /// The URL ends in a bare `?`: the log does not record queries.
    pub(crate) url_query_unlogged: bool,
    /// The digest.
    pub(crate) hash: Option<FileHash>,
    /// The email address, its domain in lower case. Empty if the observable is not an email
    /// address.
    pub(crate) email: Vec<u8>,
}

impl Target {
    /// An empty target.
    pub fn new() -> Target {
        Target::default()
    }

    /// Reads an observable. If it has no valid form of its kind, the target stays empty, and
    /// nothing can match it.
    pub fn read(&mut self, kind: Kind, value: &[u8]) {
        self.clear();
        let value = value.trim_ascii();
        match kind {
            Kind::Any => self.read_any(value),
            Kind::Host | Kind::Word => authority::read_host(self, value),
            Kind::Address => self.address = parse_address(value),
            Kind::Url => url::read(self, value),
            Kind::Hash => self.hash = FileHash::from_hex(value),
            Kind::Email => self.read_email(value),
            // Not looked up.
            Kind::FileName => {}
        }
    }

    fn clear(&mut self) {
        self.host.clear();
        self.host_cut = false;
        self.address = None;
        self.url.clear();
        self.url_path_end = 0;
        self.url_query_unlogged = false;
        self.hash = None;
        self.email.clear();
    }

    fn read_any(&mut self, value: &[u8]) {
        self.hash = FileHash::from_hex(value);
        if self.hash.is_some() {
            return;
        }
        self.address = parse_address(value);
        if self.address.is_some() {
            return;
        }
        // The colon before two slashes may be defanged (`hxxp[:]//`). Only indicators are refanged
        // there.
        if value.iter().any(|b| matches!(b, b'/' | b'?' | b'#')) {
            url::read(self, value);
        } else if value.contains(&b'@') {
            self.read_email(value);
        } else {
            authority::read_host(self, value);
        }
    }

    /// Reads an email address. The domain part is case-insensitive, the local part stays as it is
    /// (RFC 5321, section 2.3.11). The domain is also looked up as a host.
    fn read_email(&mut self, value: &[u8]) {
        let Some(at) = value.iter().rposition(|&b| b == b'@') else { return };
        let (local, domain) = (&value[..at], &value[at + 1..]);
        authority::read_host(self, domain);
        if !local.is_empty() && !self.host.is_empty() && !self.host_cut {
            self.email.extend_from_slice(local);
            self.email.push(b'@');
            self.email.extend_from_slice(&self.host);
        }
    }

    /// Returns the forms as text, each with its STIX type. They explain a look-up and are never
    /// used for matching.
    pub fn forms(&self) -> Vec<(&'static str, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut forms = Vec::new();
        if let Some(hash) = &self.hash {
            forms.push(("file", hash.to_string()));
        }
        if !self.email.is_empty() {
            forms.push(("email-addr", text(&self.email)));
        }
        if !self.url.is_empty() {
            forms.push(("url", text(&self.url)));
        }
        if let Some(address) = self.address {
            forms.push((
                if address.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" },
                address.to_string(),
            ));
        }
        if !self.host.is_empty() {
            forms.push(("domain-name", text(&self.host)));
        }
        forms
    }
}

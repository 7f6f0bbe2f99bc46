//! The one normaliser: what an observable's bytes, or an indicator's text, stand for.
//!
//! [`Target`] holds the forms in which one observable is looked up: a host, an address, a URL, a digest, an email address. Indicators
//! are brought to the same forms by [`crate::value::Value`]'s constructors, through the same functions, after refanging.

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

/// The rules' version. A blacklist names the one that made it, and another one is refused: bump it with every change that gives any
/// value another form.
pub const NORMALISER: u16 = 3;

/// The forms in which one observable is looked up. Reused from one observable to the next, so that reading allocates nothing.
#[derive(Debug, Default)]
pub struct Target {
    /// The host in lower-case A-labels without a trailing dot; empty when there is none or it is an address.
    pub(crate) host: Vec<u8>,
    /// The host's front was cut off, since no listed name is that long: whatever is kept lies above the observable.
    pub(crate) host_cut: bool,
    /// The address that the observable, or its host, is.
    pub(crate) address: Option<IpAddr>,
    /// `host[:port]/path[?query]`; empty when there is no URL.
    pub(crate) url: Vec<u8>,
    /// Where in `url` the path ends: at its `?`, or at its end.
    pub(crate) url_path_end: usize,
    /// The URL ends in a bare `?`: its query was not logged.
    pub(crate) url_query_unlogged: bool,
    /// The digest.
    pub(crate) hash: Option<FileHash>,
    /// The email address, its domain in lower case; empty when there is none.
    pub(crate) email: Vec<u8>,
}

impl Target {
    /// An empty target.
    pub fn new() -> Target {
        Target::default()
    }

    /// Reads an observable. One that has no form under its kind leaves the target empty: nothing can match it.
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
        // A colon before two slashes may be defanged, `hxxp[:]//`, which only refanging of indicators undoes.
        if value.iter().any(|b| matches!(b, b'/' | b'?' | b'#')) {
            url::read(self, value);
        } else if value.contains(&b'@') {
            self.read_email(value);
        } else {
            authority::read_host(self, value);
        }
    }

    /// RFC 5321 section 2.3.11: the domain part is case-insensitive, the local part is left alone. The domain is tried as a host too.
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

    /// The forms as text, each with what it is tried as: for explaining, never for matching.
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
            forms.push((if address.is_ipv4() { "ipv4-addr" } else { "ipv6-addr" }, address.to_string()));
        }
        if !self.host.is_empty() {
            forms.push(("domain-name", text(&self.host)));
        }
        forms
    }
}

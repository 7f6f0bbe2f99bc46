//! Redaction of secrets in everything that is shown. A server may repeat in its answer what it was
//! sent.

use std::sync::{PoisonError, RwLock};

use base64ct::{Base64, Base64Unpadded, Base64UrlUnpadded, Encoding};
use reqwest::header::{HeaderName, HeaderValue};
use url::{Url, form_urlencoded};

use crate::config::Auth;
use crate::text::{clipped, escape_controls};

/// Shortest part of a URL that is redacted in answers. Shorter parts (`v=2`) also occur in ordinary
/// text.
const MIN_URL_PART_BYTES: usize = 4;
/// Shortest segment of a URL's path that can count as a key.
const MIN_KEY_BYTES: usize = 24;
/// Shortest beginning of a secret that is redacted at the end of a truncated text.
const MIN_CUT_BYTES: usize = 4;
/// Shortest part of a path that is redacted if the path may be a key. Shorter ones (`/hooks`) also
/// occur in ordinary text.
const MIN_PATH_KEY_BYTES: usize = 8;
const HIDDEN: &str = "***";

/// Keys in the URLs of the configuration.
static KEYS: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Hides a key in all URLs that are shown from now on.
pub(crate) fn hide_key(key: &str) {
    let mut keys = KEYS.write().unwrap_or_else(PoisonError::into_inner);
    if !key.is_empty() && !keys.iter().any(|known| known == key) {
        keys.push(key.to_owned());
        keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
    }
}

/// Returns the keys, each as it is and as URLs write it.
fn keys() -> Vec<(String, String)> {
    let keys = KEYS.read().unwrap_or_else(PoisonError::into_inner);
    let in_urls = |key: &String| form_urlencoded::byte_serialize(key.as_bytes()).collect();
    keys.iter().map(|key| (key.clone(), in_urls(key))).collect()
}

/// Texts that must not be shown, in every encoding that servers use for them.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    /// Sorted with the longest first, because a short text may be a part of a longer one.
    texts: Vec<String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// Secrets of requests with these credentials. `header` is the header that is sent.
    pub(crate) fn of_auth(auth: &Auth, header: Option<&(HeaderName, HeaderValue)>) -> Secrets {
        let mut secrets = Secrets::default();
        let secret = match auth {
            Auth::None => None,
            Auth::Basic { password, .. } => Some(password),
            Auth::Bearer(secret) | Auth::Header { value: secret, .. } => Some(secret),
        };
        let sent = header.and_then(|(_, value)| value.to_str().ok());
        for text in secret.map(|secret| secret.expose()).into_iter().chain(sent) {
            // The scheme's name is not secret.
            let bare = ["Basic ", "Bearer ", "ApiKey "]
                .iter()
                .find_map(|scheme| text.strip_prefix(scheme));
            secrets.add(bare.unwrap_or(text));
        }
        secrets
    }

    /// Adds a text, and its forms in Base64, in URLs, in JSON and in HTML.
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let json = serde_json::Value::from(secret).to_string();
        let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let forms = [
            secret.to_owned(),
            Base64::encode_string(secret.as_bytes()),
            Base64Unpadded::encode_string(secret.as_bytes()),
            Base64UrlUnpadded::encode_string(secret.as_bytes()),
            form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            json.trim_matches('"').to_owned(),
            html.replace('"', "&quot;").replace('\'', "&#39;"),
            html,
        ];
        self.texts.extend(forms.into_iter().filter(|form| !form.is_empty()));
        self.texts.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        self.texts.dedup();
    }

    /// Adds the parts of a URL that may be secret: the password, the query and its values, and keys
    /// in the path.
    pub(crate) fn add_url(&mut self, url: &Url) {
        let mut parts: Vec<String> = url.password().map(str::to_owned).into_iter().collect();
        parts.extend(url.query().map(str::to_owned));
        parts.extend(url.query_pairs().map(|(name, value)| match value.is_empty() {
            true => name.into_owned(),
            false => value.into_owned(),
        }));
        let is_in_url = |(_, key): &(String, String)| url.as_str().contains(key);
        parts.extend(keys().into_iter().filter(is_in_url).map(|(key, _)| key));
        let segments = url.path_segments().into_iter().flatten();
        parts.extend(segments.filter(|segment| is_key(segment)).map(str::to_owned));
        parts
            .iter()
            .filter(|part| part.len() >= MIN_URL_PART_BYTES)
            .for_each(|part| self.add(part));
    }

    /// Adds a URL whose path may be a key: the whole path, and each longer part of it.
    pub(crate) fn add_keyed_url(&mut self, url: &Url) {
        self.add_url(url);
        let segments = url.path_segments().into_iter().flatten();
        let parts = std::iter::once(url.path()).chain(segments);
        let parts: Vec<&str> = parts.filter(|part| part.len() >= MIN_PATH_KEY_BYTES).collect();
        parts.into_iter().for_each(|part| self.add(part));
    }

    /// Returns the text with each secret replaced by `***`.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.texts.iter().fold(text.to_owned(), |text, secret| text.replace(secret, HIDDEN))
    }

    /// Returns the first characters of an answer, without secrets and control characters. `bytes`
    /// may end in the middle of a secret, so the beginning of a secret at the end is redacted too.
    pub(crate) fn excerpt(&self, bytes: &[u8], max_chars: usize) -> String {
        let mut text = self.redact(&String::from_utf8_lossy(bytes));
        let begun = |text: &str| {
            let begins = |secret: &String| {
                let ends =
                    secret.char_indices().map(|(at, _)| at).filter(|at| *at >= MIN_CUT_BYTES);
                ends.rev().find(|&at| text.ends_with(&secret[..at]))
            };
            self.texts.iter().filter_map(begins).max()
        };
        if let Some(bytes) = begun(&text) {
            text.truncate(text.len() - bytes);
            text.push_str(HIDDEN);
        }
        clipped(text.as_bytes(), max_chars)
    }
}

/// Returns the server of a URL whose path may be a key, for messages: `https://hooks.example/***`.
pub(crate) fn shown_server(url: &Url) -> String {
    let rest = if url.path() == "/" && url.query().is_none() { "" } else { HIDDEN };
    format!("{}/{rest}", escape_controls(&url.origin().ascii_serialization()))
}

/// Returns a URL for messages: without credentials, without the query (which holds the key of many
/// services), and without segments of the path that look like a key.
pub(crate) fn shown_url(url: &Url) -> String {
    let mut text = url.clone();
    // These calls fail only for URLs without a host, which have no credentials.
    let _ = text.set_username("").and_then(|()| text.set_password(None));
    text.set_query(None);
    text.set_fragment(None);
    let path: Vec<&str> = text
        .path()
        .split('/')
        .map(|segment| if is_key(segment) { HIDDEN } else { segment })
        .collect();
    let hide = |path: String, (_, key): &(String, String)| path.replace(key, HIDDEN);
    let path = keys().iter().fold(path.join("/"), hide);
    text.set_path(&path);
    let query = if url.query().is_some() { "?..." } else { "" };
    format!("{}{query}", escape_controls(text.as_str()))
}

/// Returns whether a segment of a path looks like a key: long, of letters and digits, not a name of
/// several words, and not a UUID, which is the id of a TAXII collection.
fn is_key(segment: &str) -> bool {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    let is_uuid = segment.len() == 36 && segment.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    segment.len() >= MIN_KEY_BYTES
        && segment.bytes().all(is_token)
        && segment.bytes().any(|c| c.is_ascii_digit())
        && segment.bytes().any(|c| c.is_ascii_alphabetic())
        && segment.bytes().filter(|c| matches!(c, b'_' | b'-')).count() <= 2
        && !is_uuid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn urls_are_shown_without_secrets() {
        for (url, want) in [
            ("https://user:word@host:8443/a/b?apikey=1#x", "https://host:8443/a/b?..."),
            ("http://host", "http://host/"),
            (
                "https://h/v2/export/0123456789abcdef0123456789abcdef0123456789abcdef/recent.csv",
                "https://h/v2/export/***/recent.csv",
            ),
            (
                "https://h/taxii2/collections/8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f/objects/",
                "https://h/taxii2/collections/8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f/objects/",
            ),
            (
                "https://h/a-long-name-of-some-list-2026.txt",
                "https://h/a-long-name-of-some-list-2026.txt",
            ),
        ] {
            assert_eq!(shown_url(&url.parse().unwrap()), want);
        }
    }

    #[test]
    fn a_path_that_may_be_a_key_is_not_shown() {
        let url: Url = "https://hooks.example:8443/services/T0/B1/qwertyuiop".parse().unwrap();
        assert_eq!(shown_server(&url), "https://hooks.example:8443/***");
        assert_eq!(
            shown_server(&"https://hooks.example".parse().unwrap()),
            "https://hooks.example/"
        );
        let mut secrets = Secrets::default();
        secrets.add_keyed_url(&url);
        assert_eq!(
            secrets.redact("POST /services/T0/B1/qwertyuiop: no qwertyuiop in B1"),
            "POST ***: no *** in B1"
        );
    }

    #[test]
    fn an_echo_is_redacted_in_every_encoding() {
        let mut secrets = Secrets::default();
        secrets.add("p\"ss w&rd");
        for echo in
            ["p\"ss w&rd", "p\\\"ss w&rd", "p%22ss+w%26rd", "p&quot;ss w&amp;rd", "cCJzcyB3JnJk"]
        {
            assert_eq!(secrets.redact(&format!("got {echo}!")), "got ***!");
        }
        let mut secrets = Secrets::default();
        secrets.add_url(&"https://h/list?apikey=hunter2%20x&v=2".parse().unwrap());
        assert_eq!(secrets.redact("/list?apikey=hunter2%20x&v=2 hunter2 x v2"), "/list?*** *** v2");
    }

    #[test]
    fn what_is_sent_is_redacted_without_its_schemes_name() {
        let auth = Auth::Header {
            name: "Authorization".into(),
            value: Secret::new("ApiKey aHVudGVyMg==".into()),
        };
        assert_eq!(Secrets::of_auth(&auth, None).redact("ApiKey aHVudGVyMg=="), "ApiKey ***");
        let auth = Auth::Basic { user: "u".into(), password: Secret::new("hunter2".into()) };
        let header = crate::network::auth_header(&auth).unwrap();
        let secrets = Secrets::of_auth(&auth, header.as_ref());
        assert_eq!(secrets.redact("Basic dTpodW50ZXIy hunter2"), "Basic *** ***");
    }

    #[test]
    fn keys_of_the_configuration_are_hidden_in_every_part_of_a_url() {
        hide_key("sh0rt/key");
        let url: Url = "https://h/v2/sh0rt%2Fkey/recent.csv?auth=sh0rt%2Fkey".parse().unwrap();
        assert_eq!(shown_url(&url), "https://h/v2/***/recent.csv?...");
        let mut secrets = Secrets::default();
        secrets.add_url(&url);
        assert_eq!(secrets.redact("sh0rt/key or sh0rt%2Fkey"), "*** or ***");
    }

    #[test]
    fn a_secret_that_is_cut_is_not_shown_in_part() {
        let mut secrets = Secrets::default();
        secrets.add("hunter2-hunter2");
        assert_eq!(secrets.excerpt(b"key=hunter2-hu", 100), "key=***");
        assert_eq!(secrets.excerpt(b"key=hunter2-hunter2 and more", 7), "key=***…");
        assert_eq!(secrets.excerpt(b"a hun", 100), "a hun");
    }
}

//! `[[feeds]]`.

use std::time::Duration;

use threatsieve_blacklist::{Timestamp, UrlMode};
use threatsieve_feed::FeedFormat;
use url::{Host, Url};

use super::load::unique;
use super::reader::Reader;
use super::{Auth, ClientCertificate, Feed, FeedRole, Hold, Origin, TaxiiFeed, UrlFeed, settings};

/// `overlap` where it is not given: what a server may still have been writing while it answered.
const DEFAULT_OVERLAP: Duration = Duration::from_secs(10 * 60);
/// `page_objects` where it is not given.
const DEFAULT_PAGE_OBJECTS: u32 = 1000;

/// What `format` can be.
const FORMATS: &str = "lines, hosts, csv, json or stix, or csv:COLUMN or json:COLUMN";

const TYPES: [&str; 3] = ["taxii", "url", "path"];
/// Settings that belong to some types of feed alone, by their place in [`TYPES`].
const OF_TYPES: [(&str, &[usize]); 12] = [
    ("url", &[0, 1]),
    ("path", &[2]),
    ("collection", &[0]),
    ("page_objects", &[0]),
    ("overlap", &[0]),
    ("since", &[0]),
    ("user", &[0, 1]),
    ("password", &[0, 1]),
    ("token", &[0, 1]),
    ("header", &[0, 1]),
    ("client_certificate", &[0, 1]),
    ("client_key", &[0, 1]),
];

pub(super) fn feeds(top: &Reader<'_>, allow_plain_http: bool) -> Option<Vec<Feed>> {
    let tables = top.tables("feeds", &settings::FEED, "name");
    let feeds: Vec<Option<Feed>> =
        tables.iter().map(|table| feed(table, allow_plain_http)).collect();
    unique(&tables);
    feeds.into_iter().collect()
}

fn feed(table: &Reader<'_>, allow_plain_http: bool) -> Option<Feed> {
    let name = table.text("name");
    let kind = table.word("type", &TYPES);
    let origin = kind.and_then(|kind| origin(table, kind, allow_plain_http));
    let role = table.word("role", &["block", "allow"]);
    let every = table.duration("every");
    let (confidence, tlp) = (table.percent("confidence"), table.tlp("tlp"));
    let url_mode = table.word("url_match", &["exact", "prefix"]);
    let format = table.optional("format", FORMATS, |value| FeedFormat::from_name(value.as_str()?));
    let (match_port, may_be_empty) = (table.boolean("match_port"), table.boolean("may_be_empty"));
    let (max_shrink, canaries) = (table.share("max_shrink"), table.texts("canaries"));
    Some(Feed {
        name: name?,
        origin: origin?,
        role: [FeedRole::Block, FeedRole::Allow][role?],
        every: every?,
        confidence: confidence?,
        tlp: tlp?,
        url_mode: [UrlMode::Exact, UrlMode::Prefix][url_mode?],
        format: format?,
        match_port: match_port?,
        may_be_empty: may_be_empty?,
        hold: Hold { max_shrink: max_shrink?, canaries: canaries?? },
    })
}

fn origin(table: &Reader<'_>, kind: usize, allow_plain_http: bool) -> Option<Origin> {
    for (key, kinds) in OF_TYPES {
        if table.is_given(key) && !kinds.contains(&kind) {
            let kinds: Vec<&str> = kinds.iter().map(|kind| TYPES[*kind]).collect();
            let text = format!(
                "expected for feeds of type {} only, got it for type {}",
                kinds.join(" and "),
                TYPES[kind]
            );
            table.hidden_problem(key, text);
        }
    }
    if kind == 2 {
        let path = table.path("path")?;
        if path.is_none() {
            table.problem("path", "expected a path, got nothing: feeds of type path need it");
        }
        return path.map(Origin::Path);
    }
    let url = table.url("url");
    if let Some(None) = url {
        table.problem(
            "url",
            format!(
                "expected an http or https URL, got nothing: feeds of type {} need it",
                TYPES[kind]
            ),
        );
    }
    let auth = auth(table);
    let client_certificate = client_certificate(table);
    if let (Some(Some(url)), Some(auth)) = (&url, &auth)
        && !allow_plain_http
        && !matches!(auth, Auth::None)
        && url.scheme() == "http"
        && !is_loopback(url)
    {
        let text = "expected https with credentials, got http, which shows them to everyone on the way; `allow_plain_http = true` in [http] allows it";
        table.hidden_problem("url", text);
        return None;
    }
    if kind == 1 {
        return Some(Origin::Url(UrlFeed {
            url: url??,
            auth: auth?,
            client_certificate: client_certificate?,
        }));
    }
    let collection = table.optional_text("collection");
    let page_objects = table.integer("page_objects", 1, 100_000);
    let overlap = table.duration("overlap");
    let since = since(table);
    Some(Origin::Taxii(TaxiiFeed {
        url: url??,
        collection: collection?,
        auth: auth?,
        client_certificate: client_certificate?,
        page_objects: page_objects?.unwrap_or(DEFAULT_PAGE_OBJECTS),
        overlap: overlap?.unwrap_or(DEFAULT_OVERLAP),
        since: since?,
    }))
}

/// A TOML date or time, or the same as a string; in UTC where it does not say.
fn since(table: &Reader<'_>) -> Option<Option<Timestamp>> {
    table.optional("since", "a date or a time (2026-01-31, 2026-01-31T23:59:59Z)", |value| {
        let text = match value.as_datetime() {
            Some(moment) => moment.to_string(),
            None => value.as_str()?.to_owned(),
        };
        // `now` would be another moment at every start.
        let at: crate::cli::At = text.parse().ok().filter(|_| text != "now")?;
        Some(at.0)
    })
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn auth(table: &Reader<'_>) -> Option<Auth> {
    let ways: Vec<&str> =
        ["user", "token", "header"].into_iter().filter(|key| table.is_given(key)).collect();
    if let [_, second, ..] = ways.as_slice() {
        table.problem(
            second,
            format!("expected one way to authenticate, got {}", ways.join(" and ")),
        );
    }
    for (one, other) in [("user", "password"), ("password", "user")] {
        if table.is_given(one) && !table.is_given(other) {
            table.hidden_problem(one, format!("expected `{other}` beside it, got nothing"));
        }
    }
    let (user, password) = (table.optional_text("user"), table.secret("password"));
    let token = table.secret("token");
    let header = match table.table("header", &settings::HEADER)? {
        Some(header) => {
            let name = header.value(
                "name",
                "a header's name (RFC 9110: letters, digits, hyphens)",
                |value| {
                    let name = super::reader::non_empty(value)?;
                    let sound = name.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
                    });
                    sound.then(|| name.to_owned())
                },
            );
            let value = header.secret("value");
            Some((name?, value??))
        }
        None => None,
    };
    Some(match (user?, password?, token?, header) {
        (Some(user), Some(password), _, _) => Auth::Basic { user, password },
        (_, _, Some(token), _) => Auth::Bearer(token),
        (_, _, _, Some((name, value))) => Auth::Header { name, value },
        _ => Auth::None,
    })
}

pub(super) fn client_certificate(table: &Reader<'_>) -> Option<Option<ClientCertificate>> {
    let (certificate, key) = (table.path("client_certificate"), table.path("client_key"));
    match (certificate?, key?) {
        (Some(certificate), Some(key)) => Some(Some(ClientCertificate { certificate, key })),
        (None, None) => Some(None),
        (Some(_), None) => {
            table.problem("client_certificate", "expected `client_key` beside it, got nothing");
            None
        }
        (None, Some(_)) => {
            table.problem("client_key", "expected `client_certificate` beside it, got nothing");
            None
        }
    }
}

//! Discovery: finds the collection's objects from the configured URL, and the version of TAXII that
//! the server speaks there (sections 4 and 5 of both versions).

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, RANGE};
use serde::Deserialize;
use url::Url;

use super::course::content_range;
use super::ranges::Form;
use super::version::Version;
use crate::config::TaxiiFeed;
use crate::feeds::http::{Fault, Fetcher, Request, shown};
use crate::text::escape_controls;

/// Largest resource that is not an envelope, in bytes.
const MAX_RESOURCE_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum number of API roots of a server that are searched.
const MAX_ROOTS: usize = 32;
/// Maximum number of collections that an error names.
const NAMED: usize = 10;
/// Maximum number of collections of an API root, and number of them to request at once where the
/// list has pages.
const MAX_COLLECTIONS: usize = 10_000;
const PAGE_COLLECTIONS: u64 = 100;
/// Accepted statuses. In TAXII 2.0, the list of collections may have pages.
const STATUSES: &[StatusCode] = &[StatusCode::OK, StatusCode::PARTIAL_CONTENT];

/// The collection that a feed reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::feeds) struct Collection {
    /// The title, for people; the id if there is none.
    pub(in crate::feeds) title: String,
    pub(in crate::feeds) id: String,
    /// The URL of the collection's objects.
    pub(in crate::feeds) objects: Url,
    pub(super) version: Version,
}

/// A right that the collection must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Read,
    Write,
}

/// Any TAXII resource. Its keys tell its type, whatever type the URL was meant to have.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resource {
    /// Keys of a discovery resource (section 4.1.1).
    api_roots: Option<Vec<String>>,
    default: Option<String>,
    /// Keys of an API root (section 4.2.1).
    versions: Option<Vec<String>>,
    max_content_length: Option<serde_json::Value>,
    /// Key of a list of collections (section 5.1.1).
    collections: Option<Vec<Entry>>,
    /// Keys of a collection (section 5.2.1).
    id: Option<String>,
    can_read: Option<bool>,
    can_write: Option<bool>,
    alias: Option<String>,
    title: Option<String>,
}

/// A collection in a list.
#[derive(Debug, Deserialize)]
struct Entry {
    id: String,
    title: Option<String>,
    alias: Option<String>,
    can_read: Option<bool>,
    can_write: Option<bool>,
}

/// A collection, and the URL of the list that contains it.
struct Found {
    entry: Entry,
    list: Url,
    version: Version,
}

/// A resource as it came.
struct Got {
    resource: Resource,
    url: Url,
    version: Version,
    /// The first item that is not on this page of the resource.
    following: Option<u64>,
}

/// Finds the collection that the feed names.
pub(super) async fn resolve(
    fetcher: &mut Fetcher,
    feed: &TaxiiFeed,
    right: Right,
) -> Result<Collection, Fault> {
    let expected = "a TAXII discovery resource, API root or collection";
    let got = match fetch(fetcher, start(&feed.url), expected, Version::V21, None).await {
        Ok(got) => got,
        Err(fault) => return undescribed(&feed.url, fault),
    };
    let (version, url) = (got.version, got.url.clone());
    if let Resource { id: Some(_), can_read: Some(_), .. } = got.resource {
        let entry = got.resource.entry();
        if feed.collection.as_deref().is_some_and(|wanted| !entry.answers_to(wanted)) {
            let what =
                format!("expected the collection {:?}, got {}", feed.collection, entry.name());
            return Err(unfit(&url, what));
        }
        return collection(entry, slashed(&url), version, right);
    }
    let resource = &got.resource;
    let found = if resource.collections.is_some() {
        listed(fetcher, got).await?
    } else if resource.api_roots.is_some() || resource.default.is_some() {
        in_roots(fetcher, &roots(resource, &url)?, version, feed).await?
    } else if resource.versions.is_some() || resource.max_content_length.is_some() {
        in_root(fetcher, &url, version).await?
    } else {
        return Err(unfit(&url, format!("expected {expected}, got JSON that is none of these")));
    };
    let found = choose(found, &url, feed.collection.as_deref(), right)?;
    let url = found.list.join(&format!("{}/", path_segment(&found.entry.id)));
    let url = url.map_err(|_| {
        unfit(&found.list, format!("the collection's id {:?} cannot be in a URL", found.entry.id))
    })?;
    collection(found.entry, url, found.version, right)
}

/// Returns the collection whose objects are at the configured URL, though the server fails to
/// describe it. Any other URL needs the description.
fn undescribed(url: &Url, fault: Fault) -> Result<Collection, Fault> {
    let url = slashed(url);
    let mut segments = url.path_segments().into_iter().flatten().rev().skip(1);
    let is_objects = segments.next() == Some("objects");
    let id = segments.next().unwrap_or_default().to_owned();
    let is_likely = matches!(fault.status(), Some(404 | 405 | 500 | 501));
    if !is_objects || segments.next() != Some("collections") || !is_likely {
        return Err(fault);
    }
    tracing::debug!(error = %fault, "the collection is used, though it is not described");
    Ok(Collection { title: id.clone(), id, objects: url, version: Version::V21 })
}

/// Returns the largest body, in bytes, that the API root of a collection accepts; `None` if it does
/// not say so.
pub(super) async fn max_content_length(
    fetcher: &mut Fetcher,
    objects: &Url,
    version: Version,
) -> Result<Option<u64>, Fault> {
    let root = root_of(objects)?;
    let got = fetch(fetcher, root, "a TAXII API root", version, None).await?;
    Ok(got.resource.max_content_length.and_then(|length| match length {
        serde_json::Value::String(text) => text.parse().ok(),
        length => length.as_u64(),
    }))
}

/// Returns the API root of the collection whose objects are at a URL.
pub(super) fn root_of(objects: &Url) -> Result<Url, Fault> {
    objects
        .join("../../../")
        .map_err(|_| unfit(objects, "expected the URL of a collection's objects".to_owned()))
}

/// Returns the URL to start at. The URL of a collection's objects also names the collection.
fn start(url: &Url) -> Url {
    let mut url = slashed(url);
    if let Some(path) =
        url.path().strip_suffix("objects/").filter(|path| path.contains("/collections/"))
    {
        let path = path.to_owned();
        url.set_path(&path);
    }
    url
}

/// Adds a slash to the end of the path, as all paths of TAXII 2.1 have one. Without it, some
/// servers redirect, and others answer with something else.
fn slashed(url: &Url) -> Url {
    let mut url = url.clone();
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// Encodes an id as a segment of a path.
pub(super) fn path_segment(id: &str) -> String {
    let mut url = Url::parse("http://h/").ok();
    if let Some(mut segments) = url.as_mut().and_then(|url| url.path_segments_mut().ok()) {
        segments.clear().push(id);
    }
    url.map_or_else(String::new, |url| url.path().trim_start_matches('/').to_owned())
}

/// Fetches a resource in one version of TAXII, and in the other one if the server refuses this.
async fn fetch(
    fetcher: &mut Fetcher,
    url: Url,
    expected: &'static str,
    version: Version,
    range: Option<String>,
) -> Result<Got, Fault> {
    let first = fetch_in(fetcher, url.clone(), expected, version, range.as_deref()).await;
    // Some servers know a URL only with the right media type, or call an unknown one a bad request.
    let Err(fault) = first else { return first };
    if !matches!(fault.status(), Some(400 | 404 | 406 | 415)) {
        return Err(fault);
    }
    let other = fetch_in(fetcher, url, expected, version.other(), range.as_deref()).await;
    other.map_err(|second| if fault.status() == Some(406) { second } else { fault })
}

async fn fetch_in(
    fetcher: &mut Fetcher,
    url: Url,
    expected: &'static str,
    version: Version,
    range: Option<&str>,
) -> Result<Got, Fault> {
    let mut request = Request::new(url, expected).with(ACCEPT, version.resource());
    if let Some(range) = range.and_then(|range| range.parse().ok()) {
        request = request.with(RANGE, range);
    }
    request.statuses = STATUSES;
    request.max_bytes = MAX_RESOURCE_BYTES;
    let answer = fetcher.fetch(&request).await?;
    answer.refuse_page(expected)?;
    let version = Version::named(&answer.headers).unwrap_or(version);
    let range = content_range(&answer.headers).filter(|_| version == Version::V20);
    let following = range.and_then(|range| range.following());
    let url = answer.url;
    let file = std::io::BufReader::new(answer.body.into_file());
    let resource = serde_json::from_reader(file).map_err(|error| Fault::Content {
        url: shown(&url),
        what: format!(
            "expected {expected}, got something else: {}",
            escape_controls(&error.to_string())
        ),
    })?;
    Ok(Got { resource, url, version, following })
}

/// Returns the API roots of a server, the default one first. Relative URLs are accepted, though the
/// specification asks for absolute ones.
fn roots(resource: &Resource, url: &Url) -> Result<Vec<Url>, Fault> {
    let mut roots: Vec<Url> = Vec::new();
    for text in resource.default.iter().chain(resource.api_roots.iter().flatten()) {
        let root = url.join(text).map(|root| slashed(&root));
        let Some(root) = root.ok().filter(|root| matches!(root.scheme(), "http" | "https")) else {
            return Err(unfit(url, format!("expected the URL of an API root, got {text:?}")));
        };
        if (url.scheme(), root.scheme()) == ("https", "http") {
            let what = format!(
                "the server's API root has a URL without encryption, {}; \
                 set `url` to the API root's https URL",
                shown(&root)
            );
            return Err(unfit(url, what));
        }
        if !roots.contains(&root) && roots.len() < MAX_ROOTS {
            roots.push(root);
        }
    }
    Ok(roots)
}

/// Returns the collections of all API roots. An API root that fails does not matter if the wanted
/// collection is in another one.
async fn in_roots(
    fetcher: &mut Fetcher,
    roots: &[Url],
    version: Version,
    feed: &TaxiiFeed,
) -> Result<Vec<Found>, Fault> {
    let (mut all, mut failed) = (Vec::new(), None);
    for root in roots {
        match in_root(fetcher, root, version).await {
            Ok(found) => all.extend(found),
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    let has_wanted = match &feed.collection {
        Some(wanted) => all.iter().any(|found| found.entry.answers_to(wanted)),
        // The only collection with the right is wanted. A root that failed may have another one.
        None => failed.is_none(),
    };
    match failed {
        Some(fault) if !has_wanted => Err(fault),
        _ => Ok(all),
    }
}

async fn in_root(fetcher: &mut Fetcher, root: &Url, version: Version) -> Result<Vec<Found>, Fault> {
    let list = slashed(root)
        .join("collections/")
        .map_err(|_| unfit(root, "expected the URL of an API root".to_owned()))?;
    let got = fetch(fetcher, list, "the collections of a TAXII API root", version, None).await?;
    listed(fetcher, got).await
}

/// Returns the collections of a list, with those of its other pages.
async fn listed(fetcher: &mut Fetcher, first: Got) -> Result<Vec<Found>, Fault> {
    let list = slashed(&first.url);
    let mut found: Vec<Found> = Vec::new();
    let mut got = first;
    loop {
        let Got { resource, version, following, .. } = got;
        let page = resource.collections.unwrap_or_default();
        let is_empty = page.is_empty();
        found.extend(page.into_iter().map(|entry| Found { entry, list: list.clone(), version }));
        let Some(next) = following.filter(|_| !is_empty) else { return Ok(found) };
        if found.len() > MAX_COLLECTIONS {
            let what = format!("expected at most {MAX_COLLECTIONS} collections, got more");
            return Err(unfit(&list, what));
        }
        let range = Form::default().header(next, next.saturating_add(PAGE_COLLECTIONS));
        let expected = "the next collections of a TAXII API root";
        got = fetch(fetcher, list.clone(), expected, version, range).await?;
        if got.following.is_some_and(|following| following <= next) {
            let what = format!("expected collections from number {next} on, got others");
            return Err(unfit(&list, what));
        }
    }
}

/// Returns the wanted collection: by id, then by alias, then by title. Without a name, returns the
/// only collection with the right.
fn choose(
    mut found: Vec<Found>,
    url: &Url,
    wanted: Option<&str>,
    right: Right,
) -> Result<Found, Fault> {
    let (names, verb) = (named(&found), right.verb());
    let is_wanted = |number: usize, entry: &Entry| match (number, wanted) {
        (_, None) => entry.allows(right),
        (0, Some(wanted)) => entry.id == wanted,
        (1, Some(wanted)) => entry.alias.as_deref() == Some(wanted),
        (_, Some(wanted)) => entry.title.as_deref() == Some(wanted),
    };
    for number in 0..3 {
        let places: Vec<usize> =
            (0..found.len()).filter(|&place| is_wanted(number, &found[place].entry)).collect();
        match (places.as_slice(), wanted) {
            ([], _) => {}
            (&[place], _) => return Ok(found.swap_remove(place)),
            (_, Some(wanted)) => {
                let what = format!(
                    "expected one collection {wanted:?}, got several; \
                     set `collection` to an id: {names}"
                );
                return Err(unfit(url, what));
            }
            (_, None) => {
                let what = format!(
                    "expected `collection` to name one of several that can be {verb}, \
                     got nothing: {names}"
                );
                return Err(unfit(url, what));
            }
        }
    }
    let what = match wanted {
        Some(wanted) => {
            format!("expected a collection with the id, alias or title {wanted:?}, got {names}")
        }
        None => {
            format!("expected a collection that can be {verb} with these credentials, got {names}")
        }
    };
    Err(unfit(url, what))
}

fn named(found: &[Found]) -> String {
    let mut names: Vec<String> = found.iter().take(NAMED).map(|one| one.entry.name()).collect();
    if found.len() > NAMED {
        names.push(format!("and {} more", found.len() - NAMED));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn collection(entry: Entry, url: Url, version: Version, right: Right) -> Result<Collection, Fault> {
    if !entry.allows(right) {
        let what = format!(
            "the collection {} cannot be {} with these credentials (`{}` is false)",
            entry.name(),
            right.verb(),
            right.property()
        );
        return Err(unfit(&url, what));
    }
    let objects = url
        .join("objects/")
        .map_err(|_| unfit(&url, "expected the URL of a collection".to_owned()))?;
    let Entry { id, title, .. } = entry;
    let title = title.unwrap_or_else(|| id.clone());
    Ok(Collection { title, id, objects, version })
}

impl Right {
    fn verb(self) -> &'static str {
        match self {
            Right::Read => "read",
            Right::Write => "written",
        }
    }

    fn property(self) -> &'static str {
        match self {
            Right::Read => "can_read",
            Right::Write => "can_write",
        }
    }
}

impl Resource {
    /// Returns the collection that this resource is.
    fn entry(self) -> Entry {
        let Resource { id, can_read, can_write, alias, title, .. } = self;
        Entry { id: id.unwrap_or_default(), title, alias, can_read, can_write }
    }
}

impl Entry {
    /// Returns whether the collection has the right. One that does not say so may have it.
    fn allows(&self, right: Right) -> bool {
        let allows = match right {
            Right::Read => self.can_read,
            Right::Write => self.can_write,
        };
        allows != Some(false)
    }

    /// Returns whether the id, the alias or the title is this name.
    fn answers_to(&self, wanted: &str) -> bool {
        self.id == wanted
            || self.alias.as_deref() == Some(wanted)
            || self.title.as_deref() == Some(wanted)
    }

    /// Returns the id and the title, for people.
    fn name(&self) -> String {
        match &self.title {
            Some(title) => format!("{} ({})", escape_controls(&self.id), escape_controls(title)),
            None => escape_controls(&self.id).into_owned(),
        }
    }
}

fn unfit(url: &Url, what: String) -> Fault {
    Fault::Unfit { url: shown(url), what }
}

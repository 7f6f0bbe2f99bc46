//! Discovery: finds the collection's objects from the configured URL (TAXII 2.1, sections 4 and 5).

use reqwest::header::{ACCEPT, HeaderValue};
use serde::Deserialize;
use url::Url;

use crate::config::TaxiiFeed;
use crate::feeds::http::{Fault, Fetcher, Request, shown};
use crate::text::escape_controls;

/// Largest resource that is not an envelope, in bytes.
const MAX_RESOURCE_BYTES: u64 = 16 * 1024 * 1024;
/// Maximum number of API roots of a server that are searched.
const MAX_ROOTS: usize = 32;
/// Maximum number of collections that an error names.
const NAMED: usize = 10;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/taxii+json;version=2.1");

/// The collection that a feed reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::feeds) struct Collection {
    /// The title, for people; the id if there is none.
    pub(in crate::feeds) title: String,
    pub(in crate::feeds) id: String,
    /// The URL of the collection's objects.
    pub(in crate::feeds) objects: Url,
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
}

/// A collection, and the URL of the list that contains it.
struct Found {
    entry: Entry,
    list: Url,
}

/// Builds a request for a TAXII resource.
pub(super) fn request(url: Url, expected: &'static str) -> Request {
    Request::new(url, expected).with(ACCEPT, MEDIA_TYPE)
}

/// Finds the collection that the feed names.
pub(super) async fn resolve(fetcher: &mut Fetcher, feed: &TaxiiFeed) -> Result<Collection, Fault> {
    let url = start(&feed.url);
    let expected = "a TAXII 2.1 discovery resource, API root or collection";
    let (resource, url) = fetch(fetcher, url, expected).await?;
    if let Resource { id: Some(id), can_read: Some(can_read), alias, title, .. } = resource {
        let entry = Entry { id, title, alias, can_read: Some(can_read) };
        if feed.collection.as_deref().is_some_and(|wanted| !entry.answers_to(wanted)) {
            let what =
                format!("expected the collection {:?}, got {}", feed.collection, entry.name());
            return Err(unfit(&url, what));
        }
        return collection(entry, slashed(&url));
    }
    let found = if let Some(collections) = resource.collections {
        listed(collections, &url)
    } else if resource.api_roots.is_some() || resource.default.is_some() {
        in_roots(fetcher, &roots(&resource, &url)?, feed).await?
    } else if resource.versions.is_some() || resource.max_content_length.is_some() {
        in_root(fetcher, &url).await?
    } else {
        return Err(unfit(&url, format!("expected {expected}, got JSON that is none of these")));
    };
    let found = choose(found, &url, feed.collection.as_deref())?;
    let url = found.list.join(&format!("{}/", path_segment(&found.entry.id)));
    let url = url.map_err(|_| {
        unfit(&found.list, format!("the collection's id {:?} cannot be in a URL", found.entry.id))
    })?;
    collection(found.entry, url)
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
fn path_segment(id: &str) -> String {
    let mut url = Url::parse("http://h/").ok();
    if let Some(mut segments) = url.as_mut().and_then(|url| url.path_segments_mut().ok()) {
        segments.clear().push(id);
    }
    url.map_or_else(String::new, |url| url.path().trim_start_matches('/').to_owned())
}

async fn fetch(
    fetcher: &mut Fetcher,
    url: Url,
    expected: &'static str,
) -> Result<(Resource, Url), Fault> {
    let mut request = request(url, expected);
    request.max_bytes = MAX_RESOURCE_BYTES;
    let answer = fetcher.fetch(&request).await?;
    answer.refuse_page(expected)?;
    let url = answer.url;
    let file = std::io::BufReader::new(answer.body.into_file());
    let resource = serde_json::from_reader(file).map_err(|error| Fault::Content {
        url: shown(&url),
        what: format!(
            "expected {expected}, got something else: {}",
            escape_controls(&error.to_string())
        ),
    })?;
    Ok((resource, url))
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
    feed: &TaxiiFeed,
) -> Result<Vec<Found>, Fault> {
    let (mut all, mut failed) = (Vec::new(), None);
    for root in roots {
        match in_root(fetcher, root).await {
            Ok(found) => all.extend(found),
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    let has_wanted = match &feed.collection {
        Some(wanted) => all.iter().any(|found| found.entry.answers_to(wanted)),
        // The only readable collection is wanted. A root that failed may have another one.
        None => failed.is_none(),
    };
    match failed {
        Some(fault) if !has_wanted => Err(fault),
        _ => Ok(all),
    }
}

async fn in_root(fetcher: &mut Fetcher, root: &Url) -> Result<Vec<Found>, Fault> {
    let list = slashed(root)
        .join("collections/")
        .map_err(|_| unfit(root, "expected the URL of an API root".to_owned()))?;
    let (resource, list) = fetch(fetcher, list, "the collections of a TAXII 2.1 API root").await?;
    Ok(listed(resource.collections.unwrap_or_default(), &list))
}

fn listed(collections: Vec<Entry>, list: &Url) -> Vec<Found> {
    let list = slashed(list);
    collections.into_iter().map(|entry| Found { entry, list: list.clone() }).collect()
}

/// Returns the wanted collection: by id, then by alias, then by title. Without a name, returns the
/// only collection that can be read.
fn choose(mut found: Vec<Found>, url: &Url, wanted: Option<&str>) -> Result<Found, Fault> {
    let names = named(&found);
    let is_wanted = |number: usize, entry: &Entry| match (number, wanted) {
        (_, None) => entry.can_read != Some(false),
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
                    "expected `collection` to name one of several that can be read, \
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
            format!("expected a collection that can be read with these credentials, got {names}")
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

fn collection(entry: Entry, url: Url) -> Result<Collection, Fault> {
    if entry.can_read == Some(false) {
        let what = format!(
            "the collection {} cannot be read with these credentials (`can_read` is false)",
            entry.name()
        );
        return Err(unfit(&url, what));
    }
    let objects = url
        .join("objects/")
        .map_err(|_| unfit(&url, "expected the URL of a collection".to_owned()))?;
    let Entry { id, title, .. } = entry;
    Ok(Collection { title: title.unwrap_or_else(|| id.clone()), id, objects })
}

impl Entry {
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

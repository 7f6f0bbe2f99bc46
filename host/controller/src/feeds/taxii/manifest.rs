//! Manifests: which objects and versions a collection has, and when they were added (TAXII 2.0,
//! section 5.6; TAXII 2.1, sections 5.3 and 5.8).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufReader;

use anyhow::Context;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};
use threatsieve_blacklist::Timestamp;
use url::Url;

use super::course::Course;
use super::discovery::{Collection, Right, path_segment, resolve};
use super::fetcher;
use super::paging::{Page, Step};
use super::ranges::Form;
use super::version::Version;
use crate::config::{Http, TaxiiFeed};
use crate::feeds::fetched::blocking;
use crate::feeds::http::{Deadline, Fault, Fetcher, parse_moment, shown};
use crate::text::escape_controls;

/// Largest page, in bytes.
const MAX_PAGE_BYTES: u64 = 16 * 1024 * 1024;
/// Number of entries to request at once.
const PAGE_ENTRIES: u32 = 5000;
const EXPECTED: &str = "a TAXII manifest";

/// An object in a collection. TAXII 2.0 has an entry for each object, 2.1 for each version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) date_added: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) versions: Vec<String>,
}

/// A page of a manifest, or of an object's versions.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entries {
    more: bool,
    next: Option<String>,
    objects: Vec<Entry>,
    versions: Vec<String>,
}

/// Reads the manifest of a feed's collection; with an id, the versions of that object.
pub(crate) async fn read_manifest(
    taxii: &TaxiiFeed,
    http: &Http,
    id: Option<&str>,
    each: &mut (dyn FnMut(Entry) + Send),
) -> anyhow::Result<()> {
    let mut fetcher = fetcher(taxii, http, Deadline::of_poll(http))?;
    let Collection { objects, version, .. } = resolve(&mut fetcher, taxii, Right::Read).await?;
    let Some(id) = id else {
        return Ok(walk(&mut fetcher, &objects, version, &[], each).await?);
    };
    match version {
        // Only 2.1 has a resource for the versions.
        Version::V20 => {
            let filters = [("match[id]", id), ("match[version]", "all")];
            walk(&mut fetcher, &objects, version, &filters, each).await?;
        }
        Version::V21 => {
            let url = objects.join(&format!("{}/versions/", path_segment(id)));
            let url = url.with_context(|| format!("{id}: this id cannot be in a URL"))?;
            let mut each = |entry: Entry| each(Entry { id: id.to_owned(), ..entry });
            pages(&mut fetcher, &url, version, &[], &mut each).await?;
        }
    }
    Ok(())
}

/// Returns the time when the collection's newest object was added.
pub(super) async fn newest(
    fetcher: &mut Fetcher,
    objects: &Url,
    version: Version,
    filters: &[(&str, &str)],
) -> Result<Option<Timestamp>, Fault> {
    let mut newest = None;
    let mut each = |entry: Entry| {
        newest = newest.max(entry.date_added.as_deref().and_then(parse_moment));
    };
    walk(fetcher, objects, version, filters, &mut each).await?;
    Ok(newest)
}

/// Reads the whole manifest of the collection whose objects are at a URL.
pub(super) async fn walk(
    fetcher: &mut Fetcher,
    objects: &Url,
    version: Version,
    filters: &[(&str, &str)],
    each: &mut (dyn FnMut(Entry) + Send),
) -> Result<(), Fault> {
    let unfit = |_| Fault::Unfit {
        url: shown(objects),
        what: "expected the URL of a collection's objects".to_owned(),
    };
    let url = objects.join("../manifest/").map_err(unfit)?;
    pages(fetcher, &url, version, filters, each).await
}

/// Reads all pages of a resource.
async fn pages(
    fetcher: &mut Fetcher,
    url: &Url,
    version: Version,
    filters: &[(&str, &str)],
    each: &mut (dyn FnMut(Entry) + Send),
) -> Result<(), Fault> {
    let mut course = Course::new(version, None, PAGE_ENTRIES, Form::default(), None);
    loop {
        let accept: HeaderValue = version.resource();
        let mut request = course.request(url, filters, accept, EXPECTED);
        request.max_bytes = MAX_PAGE_BYTES;
        let answer = match fetcher.fetch(&request).await {
            Ok(answer) => answer,
            Err(fault) => match fault.status() {
                Some(status) if course.can_ask_otherwise(status) => continue,
                _ => return Err(fault),
            },
        };
        answer.refuse_page(EXPECTED)?;
        let (from, page) = (shown(&answer.url), Course::page(&answer));
        let step = match course.beyond(&answer) {
            Some(step) => step,
            None => {
                let file = BufReader::new(answer.body.into_file());
                let entries: Entries = blocking(|| serde_json::from_reader(file))
                    .map_err(|error| content(&from, &error))?;
                let page = entries.page(page);
                entries.all().for_each(&mut *each);
                course.advance(&page)
            }
        };
        match step {
            Ok(Step::Again) => {}
            Ok(Step::Done) => return Ok(()),
            Err(what) => return Err(Fault::Content { url: from, what }),
        }
    }
}

impl Entries {
    /// Returns the entries; for a version alone, without its object's id.
    fn all(self) -> impl Iterator<Item = Entry> {
        let version = |version| Entry {
            id: String::new(),
            date_added: None,
            version: Some(version),
            versions: Vec::new(),
        };
        self.objects.into_iter().chain(self.versions.into_iter().map(version))
    }

    fn page(&self, page: Page) -> Page {
        let print = |entry: &Entry| {
            let mut hasher = DefaultHasher::new();
            entry.hash(&mut hasher);
            hasher.finish()
        };
        let mut hasher = DefaultHasher::new();
        (&self.objects, &self.versions).hash(&mut hasher);
        Page {
            content: hasher.finish(),
            objects: (self.objects.len() + self.versions.len()) as u64,
            has_news: true,
            more: self.more,
            next: self.next.clone(),
            first: self.objects.first().map(print),
            last: self.objects.last().map(print),
            ..page
        }
    }
}

fn content(url: &str, error: &serde_json::Error) -> Fault {
    let error = error.to_string();
    let what = format!("expected {EXPECTED}, got something else: {}", escape_controls(&error));
    Fault::Content { url: url.to_owned(), what }
}

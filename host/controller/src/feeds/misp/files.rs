//! Feeds in MISP's format: `manifest.json`, and a file for each event.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH};
use threatsieve_feed::misp::{IndexEntry, MispReader, read_event, read_manifest};
use url::Url;

use super::{MispEvents, ReadEvent};
use crate::config::{Http, MispPlace, UrlFeed};
use crate::feeds::fetched::blocking;
use crate::feeds::http::{Answer, Deadline, Fault, Fetcher, Request, shown, text};
use crate::feeds::reading::Bounded;
use crate::sources::unpack;

const MANIFEST: &str = "manifest.json";
/// Accepted statuses of the manifest.
const STATUSES: &[StatusCode] = &[StatusCode::OK, StatusCode::NOT_MODIFIED];

/// The files of a feed, and what is read from them.
pub(super) struct Files {
    place: Place,
    reader: MispReader,
    /// Maximum size of a manifest or of an event, unpacked. Both are read as a whole.
    max_bytes: u64,
}

enum Place {
    Http { fetcher: Box<Fetcher>, folder: Url },
    Folder { path: PathBuf, bytes: u64, deadline: Deadline },
}

impl Files {
    pub(super) fn new(
        place: &MispPlace,
        http: &Http,
        reader: MispReader,
        deadline: Deadline,
    ) -> anyhow::Result<Files> {
        let place = match place {
            MispPlace::Folder(path) => Place::Folder { path: path.clone(), bytes: 0, deadline },
            MispPlace::Url(UrlFeed { url, auth, client_certificate }) => {
                let fetcher = Fetcher::new(http, url, auth, client_certificate.as_ref(), deadline)?;
                Place::Http { fetcher: Box::new(fetcher), folder: folder(url) }
            }
        };
        Ok(Files { place, reader, max_bytes: http.max_body_bytes })
    }

    pub(super) fn bytes(&self) -> u64 {
        match &self.place {
            Place::Http { fetcher, .. } => fetcher.bytes,
            Place::Folder { bytes, .. } => *bytes,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        match &self.place {
            Place::Http { fetcher, .. } => fetcher.is_over(),
            Place::Folder { deadline, .. } => deadline.is_over(),
        }
    }

    pub(super) fn shown(&self) -> String {
        match &self.place {
            Place::Http { folder, .. } => shown(folder),
            Place::Folder { path, .. } => path.display().to_string(),
        }
    }

    /// Returns the events of the manifest with its `ETag`; `None` if it is the one with the known
    /// `ETag`.
    pub(super) async fn manifest(
        &mut self,
        known: Option<&str>,
    ) -> anyhow::Result<Option<(Vec<IndexEntry>, Option<String>)>> {
        let limit = self.max_bytes;
        match &mut self.place {
            Place::Folder { path, bytes, .. } => {
                let file = path.join(MANIFEST);
                let events = blocking(|| local(&file, limit, bytes, |input| read_manifest(input)))
                    .with_context(|| file.display().to_string())?;
                Ok(Some((events, None)))
            }
            Place::Http { fetcher, folder } => {
                let mut request = request(folder, MANIFEST, "the manifest of a MISP feed")?;
                request.statuses = STATUSES;
                if let Some(known) = known.and_then(|known| HeaderValue::from_str(known).ok()) {
                    request = request.with(IF_NONE_MATCH, known);
                }
                let answer = fetcher.fetch(&request).await?;
                if answer.status == StatusCode::NOT_MODIFIED {
                    return Ok(None);
                }
                let etag = text(&answer.headers, ETAG);
                let events = remote(answer, &request, limit, |input| read_manifest(input))?;
                Ok(Some((events, etag)))
            }
        }
    }

    /// Reads an event. Returns false if that is not possible, which is noted.
    pub(super) async fn read(
        &mut self,
        entry: &IndexEntry,
        into: &mut MispEvents,
    ) -> anyhow::Result<bool> {
        let (name, limit) = (format!("{}.json", entry.uuid), self.max_bytes);
        let event = match &mut self.place {
            Place::Folder { path, bytes, .. } => {
                let file = path.join(&name);
                blocking(|| local(&file, limit, bytes, |input| read_event(input)))
                    .with_context(|| file.display().to_string())
            }
            Place::Http { fetcher, folder } => {
                let request = request(folder, &name, "a MISP event")?;
                match fetcher.fetch(&request).await {
                    Ok(answer) => remote(answer, &request, limit, |input| read_event(input)),
                    // One file that cannot be read does not affect the others.
                    Err(fault) if is_of_file(&fault) => Err(fault.into()),
                    Err(fault) => return Err(fault.into()),
                }
            }
        };
        let event = match event {
            Ok(event) if event.uuid() == entry.uuid => event,
            Ok(event) => {
                let got = crate::text::clipped(event.uuid().as_bytes(), 60);
                let what = format!("{name}: expected the event {}, got {got}", entry.uuid);
                into.unreadable.push((entry.uuid.clone(), what));
                return Ok(false);
            }
            Err(error) => {
                into.unreadable.push((entry.uuid.clone(), format!("{error:#}")));
                return Ok(false);
            }
        };
        let mut read = ReadEvent { uuid: entry.uuid.clone(), ..ReadEvent::default() };
        for one in event.attributes() {
            into.add(&self.reader, &event, one, &mut read);
        }
        into.events.push(read);
        Ok(true)
    }
}

/// Returns whether a fault is about one file and not about the server.
fn is_of_file(fault: &Fault) -> bool {
    matches!(fault, Fault::TooLong { .. }) || matches!(fault.status(), Some(403 | 404 | 410))
}

/// Returns the URL of the folder, for a URL of the folder or of the manifest in it.
fn folder(url: &Url) -> Url {
    let mut folder = url.clone();
    let path = url.path().strip_suffix(MANIFEST).unwrap_or(url.path()).trim_end_matches('/');
    folder.set_path(&format!("{path}/"));
    folder
}

/// Returns a request for a file in the folder. It keeps the query, which may contain a key.
fn request(folder: &Url, name: &str, expected: &'static str) -> anyhow::Result<Request> {
    let mut url = folder.join(name).context("the URL of a MISP feed")?;
    url.set_query(folder.query());
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    Ok(Request::new(url, expected).with(ACCEPT, JSON))
}

type Input = BufReader<Bounded>;

fn remote<T>(
    answer: Answer,
    request: &Request,
    limit: u64,
    read: impl FnOnce(&mut Input) -> Result<T, threatsieve_feed::FeedError>,
) -> anyhow::Result<T> {
    answer.refuse_page(request.expected)?;
    let url = shown(&answer.url);
    let unpacked = || -> anyhow::Result<T> {
        let input = Bounded::new(unpack(answer.body.into_file())?, limit);
        Ok(read(&mut BufReader::new(input))?)
    };
    blocking(unpacked).context(url)
}

fn local<T>(
    file: &Path,
    limit: u64,
    bytes: &mut u64,
    read: impl FnOnce(&mut Input) -> Result<T, threatsieve_feed::FeedError>,
) -> anyhow::Result<T> {
    let opened = File::open(file)?;
    *bytes += opened.metadata()?.len();
    Ok(read(&mut BufReader::new(Bounded::new(unpack(opened)?, limit)))?)
}

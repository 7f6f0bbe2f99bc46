//! Services: finds out where a collection is polled, managed and sent to, and in which version of
//! TAXII.

use threatsieve_feed::taxii1::{
    Answer as Message, Body, Collection, CollectionKind, Contact, Request, Service, ServiceKind,
    StatusType, Version,
};
use url::Url;

use super::client::{Answer, Asked, Client};
use crate::config::Taxii1Feed;
use crate::feeds::http::{Fault, shown};
use crate::feeds::is_poll_timeout;
use crate::text::escape_controls;

/// Maximum number of collection management services of a server that are asked.
const MAX_MANAGERS: usize = 8;
/// Maximum number of collections and services that an error names.
const NAMED: usize = 10;

const SERVICES: &str = "a TAXII 1.1 or 1.0 discovery or collection information response";
const COLLECTIONS: &str = "a collection information response";

/// A collection, and the services for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) collection: String,
    /// The collection is a data set, which has no timestamp labels.
    pub(super) is_set: bool,
    pub(super) poll: Option<Address>,
    pub(super) subscription: Option<Address>,
    pub(super) inbox: Option<Address>,
    /// The text about the server for people, if it has no poll service.
    named: String,
}

/// The URL of a service, and the version that it understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) url: Url,
    pub(super) version: Version,
}

/// The services and collections that a server names.
struct Server {
    /// The URL that answered, for relative addresses.
    url: Url,
    version: Version,
    services: Vec<Service>,
    collections: Option<Vec<Collection>>,
}

/// Finds the feed's collection and its services. Configured URLs replace those that the server
/// names.
pub(super) async fn resolve(client: &mut Client<'_>, feed: &Taxii1Feed) -> anyhow::Result<Place> {
    // With a poll URL and a collection, a server without discovery is enough.
    let has_all = feed.poll_url.is_some() && feed.collection.is_some();
    let server = match discover(client, feed).await {
        Ok(server) => server,
        Err(error) if has_all && !is_poll_timeout(&error) => {
            tracing::debug!(error = format!("{error:#}"), "no discovery; `poll_url` is used");
            let (url, version) = (feed.server.url.clone(), Version::V11);
            Server { url, version, services: Vec::new(), collections: None }
        }
        Err(error) => return Err(error),
    };
    let choice = Choice { feed, client: &*client, server: &server };
    let known = choice.collection()?;
    let collection = match (known, &feed.collection) {
        (Some(known), _) => known.name.clone(),
        (None, Some(name)) => name.clone(),
        (None, None) => {
            let what = "expected `collection` to name a collection, because the server lists none";
            return Err(unfit(&feed.server.url, what.to_owned()).into());
        }
    };
    let poll = choice.address(feed.poll_url.as_ref(), ServiceKind::Poll, |one| &one.polling)?;
    let inbox = choice.address(feed.inbox_url.as_ref(), ServiceKind::Inbox, |one| &one.inboxes)?;
    let manager = ServiceKind::CollectionManagement;
    Ok(Place {
        is_set: known.is_some_and(|one| one.kind == CollectionKind::DataSet),
        subscription: choice.address(None, manager, |one| &one.subscription)?,
        poll,
        inbox,
        named: named(server.services.iter().map(|one| one.contact.address.as_str())),
        collection,
    })
}

impl Place {
    /// Returns the poll service.
    pub(super) fn poll(&self, url: &Url) -> Result<&Address, Fault> {
        self.poll
            .as_ref()
            .ok_or_else(|| self.lacks(url, "poll", "`poll_url` of the feed names one"))
    }

    /// Returns the service that manages subscriptions.
    pub(super) fn subscription(&self, url: &Url) -> Result<&Address, Fault> {
        self.subscription
            .as_ref()
            .ok_or_else(|| self.lacks(url, "subscription", "without one, set `subscription_id`"))
    }

    /// Returns the inbox service.
    pub(super) fn inbox(&self, url: &Url) -> Result<&Address, Fault> {
        self.inbox
            .as_ref()
            .ok_or_else(|| self.lacks(url, "inbox", "`inbox_url` of the feed names one"))
    }

    fn lacks(&self, url: &Url, kind: &str, remedy: &str) -> Fault {
        let Place { collection, named, .. } = self;
        let collection = escape_controls(collection);
        unfit(
            url,
            format!(
                "expected {kind} service for the collection {collection} over HTTP, got none among \
                 {named}; {remedy}",
                kind = match kind {
                    "inbox" => "an inbox".to_owned(),
                    kind => format!("a {kind}"),
                }
            ),
        )
    }
}

/// Asks the configured URL for services and collections.
async fn discover(client: &mut Client<'_>, feed: &Taxii1Feed) -> anyhow::Result<Server> {
    let url = &feed.server.url;
    let mut failed = None;
    for request in [Request::Discovery, Request::Collections] {
        for version in Version::ALL {
            match ask(client, url, version, &request, SERVICES).await {
                Ok(answer) => match understood(client, url, answer).await? {
                    Ok(server) => return Ok(server),
                    Err(fault) => failed = failed.or(Some(fault.into())),
                },
                // An error status may mean that the server does not know the version.
                Err(error) if is_refusal(&error) => failed = failed.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
    }
    Err(failed.unwrap_or_else(|| unfit(url, format!("expected {SERVICES}, got none")).into()))
}

/// Returns whether a server may answer a request of another version or type instead.
fn is_refusal(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<Fault>().and_then(Fault::status);
    matches!(status, Some(400 | 404 | 405 | 406 | 415 | 500 | 501))
}

async fn ask(
    client: &mut Client<'_>,
    url: &Url,
    version: Version,
    request: &Request,
    expected: &'static str,
) -> anyhow::Result<Answer> {
    let asked = Asked { url, version, request, expected };
    client.ask(&asked, &mut |_| ()).await
}

/// Reads an answer about services or collections; asks for the collections if they are elsewhere.
async fn understood(
    client: &mut Client<'_>,
    url: &Url,
    answer: Answer,
) -> anyhow::Result<Result<Server, Fault>> {
    let hint = client.hint(url);
    if let Body::Status(status) = &answer.message.body
        && matches!(status.kind, StatusType::Unauthorized | StatusType::Denied)
    {
        return Err(answer.fault(status, SERVICES, &hint).into());
    }
    let fault = match &answer.message.body {
        Body::Services(_) | Body::Collections(_) => None,
        _ => Some(answer.unexpected(SERVICES, &hint)),
    };
    if let Some(fault) = fault {
        return Ok(Err(fault));
    }
    let Message { version, body, .. } = answer.message;
    let url = url.clone();
    match body {
        Body::Services(services) => {
            let mut server = Server { url, version, services, collections: None };
            server.collections = collections(client, &server).await?;
            Ok(Ok(server))
        }
        Body::Collections(collections) => {
            let collections = Some(collections);
            Ok(Ok(Server { url, version, services: Vec::new(), collections }))
        }
        _ => Ok(Err(unfit(&url, format!("expected {SERVICES}, got another message")))),
    }
}

/// Asks the collection management services for the collections; `None` if there is no such service.
async fn collections(
    client: &mut Client<'_>,
    server: &Server,
) -> anyhow::Result<Option<Vec<Collection>>> {
    let managers = server.services.iter().filter(|one| {
        one.kind == ServiceKind::CollectionManagement && one.available != Some(false)
    });
    let contacts: Vec<&Contact> = managers.map(|one| &one.contact).collect();
    let mut all: Option<Vec<Collection>> = None;
    let mut failed = None;
    for address in addresses(client, server, &contacts).into_iter().take(MAX_MANAGERS) {
        let (url, version) = (&address.url, address.version);
        let answer = match ask(client, url, version, &Request::Collections, COLLECTIONS).await {
            Ok(answer) => answer,
            Err(error) if is_poll_timeout(&error) => return Err(error),
            Err(error) => {
                failed = failed.or(Some(error));
                continue;
            }
        };
        match answer.message.body {
            Body::Collections(more) => all.get_or_insert_default().extend(more),
            _ => {
                let hint = client.hint(url);
                failed = failed.or(Some(answer.unexpected(COLLECTIONS, &hint).into()));
            }
        }
    }
    match (all, failed) {
        (None, Some(error)) => Err(error),
        (all, _) => Ok(all),
    }
}

/// Returns the usable addresses of contacts, the best first: those that get the credentials, then
/// encrypted ones.
fn addresses(client: &Client<'_>, server: &Server, contacts: &[&Contact]) -> Vec<Address> {
    let mut all: Vec<Address> = Vec::new();
    for contact in contacts.iter().filter(|one| one.is_http()) {
        let version = Version::ALL.into_iter().find(|version| contact.understands(*version));
        let Some(version) = version else { continue };
        let Ok(url) = server.url.join(contact.address.trim()) else { continue };
        let leaves_encryption = (server.url.scheme(), url.scheme()) == ("https", "http");
        let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
        if is_http && !leaves_encryption && !all.iter().any(|known| known.url == url) {
            all.push(Address { url, version });
        }
    }
    all.sort_by_key(|one| {
        let is_foreign = !client.fetcher.is_trusted(&one.url);
        // Of the two versions, 1.1 can do more.
        (is_foreign, one.url.scheme() != "https", one.version != Version::V11)
    });
    all
}

/// The choice among what a server offers.
struct Choice<'a, 'b> {
    feed: &'a Taxii1Feed,
    client: &'a Client<'b>,
    server: &'a Server,
}

impl<'a> Choice<'a, '_> {
    /// Returns the named collection, or the only one that is available.
    fn collection(&self) -> Result<Option<&'a Collection>, Fault> {
        let Some(collections) = &self.server.collections else { return Ok(None) };
        let names = || named(collections.iter().map(|one| one.name.as_str()));
        let url = &self.feed.server.url;
        if let Some(wanted) = &self.feed.collection {
            let found = collections.iter().find(|one| one.name == *wanted);
            // A server need not list all collections that can be polled.
            if found.is_none() && self.feed.poll_url.is_none() {
                let what = format!("expected the collection {wanted:?}, got {}", names());
                return Err(unfit(url, what));
            }
            return Ok(found);
        }
        let mut usable = collections.iter().filter(|one| one.available != Some(false));
        match (usable.next(), usable.next()) {
            (Some(only), None) => Ok(Some(only)),
            (None, _) => {
                let what = format!("expected a collection that is available, got {}", names());
                Err(unfit(url, what))
            }
            (Some(_), Some(_)) => {
                let what = format!(
                    "expected `collection` to name one of several, got nothing: {}",
                    names()
                );
                Err(unfit(url, what))
            }
        }
    }

    /// Returns the address of a service: the configured one, the collection's own, or the server's.
    fn address(
        &self,
        configured: Option<&Url>,
        kind: ServiceKind,
        own: impl Fn(&Collection) -> &Vec<Contact>,
    ) -> Result<Option<Address>, Fault> {
        let collection = self.collection()?;
        let own: Vec<&Contact> = collection.map(own).into_iter().flatten().collect();
        let services = self.server.services.iter();
        let offered = services.filter(|one| one.kind == kind && one.available != Some(false));
        let offered: Vec<&Contact> = offered.map(|one| &one.contact).collect();
        let found = [own, offered]
            .iter()
            .find_map(|contacts| addresses(self.client, self.server, contacts).into_iter().next());
        if let Some(url) = configured {
            let version =
                found.filter(|one| one.url == *url).map_or(self.server.version, |one| one.version);
            return Ok(Some(Address { url: url.clone(), version }));
        }
        // A URL that only lists collections is itself the service that manages them.
        let is_manager = kind == ServiceKind::CollectionManagement
            && self.server.services.is_empty()
            && self.server.collections.is_some();
        let own = || Address { url: self.server.url.clone(), version: self.server.version };
        Ok(found.or_else(|| is_manager.then(own)))
    }
}

fn named<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<String> =
        names.take(NAMED + 1).map(|name| escape_controls(name).into_owned()).collect();
    if names.len() > NAMED {
        names.truncate(NAMED);
        names.push("and more".to_owned());
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn unfit(url: &Url, what: String) -> Fault {
    Fault::Unfit { url: shown(url), what }
}

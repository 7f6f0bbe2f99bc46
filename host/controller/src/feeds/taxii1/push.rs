//! Sending content to a server's inbox.

use anyhow::{Context, bail};
use threatsieve_feed::taxii1::{Body, Inbox, OutBlock, OutContent, Request, StatusType, Version};

use super::client::{Asked, Client};
use super::services::resolve;
use crate::config::{Http, Taxii1Feed};
use crate::feeds::http::{Deadline, shown};

const EXPECTED: &str = "the status SUCCESS or PENDING";

/// The result of sending content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The server has accepted it.
    Accepted,
    /// The server will decide later.
    Pending,
}

/// Sends a document to the inbox for the feed's collection. Returns the inbox's URL for messages.
pub(crate) async fn push(
    taxii: &Taxii1Feed,
    http: &Http,
    document: String,
    binding: Option<&str>,
) -> anyhow::Result<(Pushed, String)> {
    let Some(binding) = binding.or_else(|| binding_of(&document)) else {
        bail!("expected a STIX 1.x package, or `--binding` with an id; got neither");
    };
    let mut client = Client::new(taxii, http, Deadline::of_poll(http))?;
    let place = resolve(&mut client, taxii).await?;
    let at = place.inbox(&taxii.server.url)?.clone();
    let block = OutBlock {
        binding: binding.to_owned(),
        subtype: None,
        content: match document.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
            true => OutContent::Xml(document),
            false => OutContent::Text(document),
        },
        label: None,
        message: None,
    };
    let collections = match at.version {
        Version::V10 => Vec::new(),
        Version::V11 => vec![place.collection.clone()],
    };
    let inbox = Inbox { collections, blocks: vec![block], ..Inbox::default() };
    let request = Request::Inbox(inbox);
    // The content is checked before anything is sent.
    request.to_xml(at.version, 0).context("the content to send")?;
    let asked = Asked { url: &at.url, version: at.version, request: &request, expected: EXPECTED };
    let answer = client.ask(&asked, &mut |_| ()).await?;
    let pushed = match &answer.message.body {
        Body::Status(status) if status.kind == StatusType::Success => Pushed::Accepted,
        Body::Status(status) if status.kind == StatusType::Pending => Pushed::Pending,
        _ => return Err(answer.unexpected(EXPECTED, &client.hint(&at.url)).into()),
    };
    Ok((pushed, shown(&at.url)))
}

/// Returns the content binding of a STIX 1.x package, by the version that its root names.
fn binding_of(document: &str) -> Option<&'static str> {
    let root = &document[document.find("STIX_Package")?..];
    let root = &root[..root.find('>')?];
    let version =
        root.split_once(" version=").map(|(_, rest)| rest)?.trim_start_matches(['"', '\'']);
    let end = version.find(['"', '\''])?;
    [
        ("1.0", "urn:stix.mitre.org:xml:1.0"),
        ("1.0.1", "urn:stix.mitre.org:xml:1.0.1"),
        ("1.1", "urn:stix.mitre.org:xml:1.1"),
        ("1.1.1", "urn:stix.mitre.org:xml:1.1.1"),
        ("1.2", "urn:stix.mitre.org:xml:1.2"),
    ]
    .into_iter()
    .find_map(|(known, binding)| (version[..end] == *known).then_some(binding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_names_its_content_binding() {
        let package = |version: &str| {
            format!("<?xml version=\"1.0\"?>\n<s:STIX_Package xmlns:s='urn:s' {version} id='a'/>")
        };
        for (version, want) in [
            ("version=\"1.1.1\"", Some("urn:stix.mitre.org:xml:1.1.1")),
            ("version='1.2'", Some("urn:stix.mitre.org:xml:1.2")),
            ("version=\"1.9\"", None),
            ("", None),
        ] {
            assert_eq!(binding_of(&package(version)), want, "{version}");
        }
        assert_eq!(binding_of("STIX_Package"), None);
        assert_eq!(binding_of("STIX_Package version=>"), None);
    }
}

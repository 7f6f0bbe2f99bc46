//! CybOX objects: which of their properties are observables of logs.
//!
//! A property with a condition is a part of the pattern, and several of them have to hold together.
//! In an object without any condition, the properties that are observables count. The digests of
//! one file are alternatives, because each of them identifies the file. The port of an address only
//! limits it.

use threatsieve_blacklist::{Port, UrlMode};

use super::condition::{Kind, port_numbers, property};
use super::node::Node;
use super::tree::Element;
use super::xml::Family;
use crate::pattern::HashKind;
use crate::reduce::Reason;

/// A property with a value.
struct Property<'a> {
    element: &'a Element,
    /// The names of the elements that lead to it, inside `Properties`.
    path: String,
    kind: Option<Kind>,
}

/// Reads the `Properties` of an object.
pub(super) fn properties(element: &Element, url_mode: UrlMode) -> Node {
    let object = match &element.kind {
        Some((Family::Cybox, name)) => name.as_str(),
        _ => "",
    };
    let mut all = Vec::new();
    collect(element, object, "", &mut all);
    let has_condition = all.iter().any(|one| one.element.attribute("condition").is_some());
    let ports = ports(&mut all);
    all.retain(|one| match has_condition {
        true => one.element.attribute("condition").is_some(),
        false => one.kind.is_some_and(|kind| kind != Kind::FileName),
    });
    if all.is_empty() {
        let name = if object.is_empty() { "an object of an unknown type" } else { object };
        let node = Node::nothing(name, Reason::NoObservable);
        return Node::Instance(Box::new(node));
    }
    let (mut nodes, mut digests) = (Vec::new(), Vec::new());
    for one in all {
        let label = format!("{object}/{}", one.path);
        let is_digest = one.path.starts_with("Hashes/");
        let node = property(one.element, one.kind, &label, url_mode);
        if is_digest { digests.push(node) } else { nodes.push(node) }
    }
    if !digests.is_empty() {
        nodes.push(Node::any(digests));
    }
    if !ports.is_empty() {
        let limited = |node: Node| {
            Node::any(ports.iter().map(|port| node.clone().with_port(*port)).collect())
        };
        nodes = nodes.into_iter().map(limited).collect();
    }
    let node = Node::all(nodes);
    if has_condition { node } else { Node::Instance(Box::new(node)) }
}

/// Removes the ports of an object with one address, and returns them. A port whose condition cannot
/// be checked stays.
///
/// Without a condition, the port tells where the host was seen: the host is as bad on other ports.
fn ports(all: &mut Vec<Property<'_>>) -> Vec<Port> {
    let is_address = |one: &Property<'_>| matches!(one.kind, Some(Kind::Address | Kind::Domain));
    let is_port = |one: &Property<'_>| one.path.ends_with("Port/Port_Value");
    let is_source = |one: &Property<'_>| one.path.starts_with("Source_");
    if all.iter().filter(|one| is_address(one)).count() != 1 {
        return Vec::new();
    }
    let mut ports = Vec::new();
    all.retain(|one| {
        if !is_port(one) || is_source(one) {
            return true;
        }
        let Some(numbers) = port_numbers(one.element) else { return true };
        let is_matched = one.element.attribute("condition").is_some();
        ports.extend(numbers.into_iter().map(|number| Port { number, is_matched }));
        false
    });
    ports
}

fn collect<'a>(parent: &'a Element, object: &str, path: &str, all: &mut Vec<Property<'a>>) {
    for element in &parent.children {
        let path = match path {
            "" => element.name.to_string(),
            path => format!("{path}/{}", element.name),
        };
        if !element.children.is_empty() {
            collect(element, object, &path, all);
        } else if !element.text.trim().is_empty() && !path.ends_with("Hashes/Hash/Type") {
            let kind = kind(object, &path, parent);
            all.push(Property { element, path, kind });
        }
    }
}

/// The type of a property's values; `None` if it is not an observable of logs.
fn kind(object: &str, path: &str, parent: &Element) -> Option<Kind> {
    const HOST: &str = "HTTP_Request_Response/HTTP_Client_Request/HTTP_Request_Header/\
                        Parsed_Header/Host/Domain_Name/Value";
    match (object, path) {
        ("AddressObjectType", "Address_Value") => address(parent, "ipv4-addr"),
        ("DomainNameObjectType", "Value") => Some(Kind::Domain),
        ("HostnameObjectType", "Hostname_Value") => Some(Kind::Domain),
        ("URIObjectType" | "LinkObjectType", "Value") => uri(parent, Kind::Url),
        ("SocketAddressObjectType", path) => socket(path, parent),
        ("NetworkSocketObjectType", path) => socket(path.strip_prefix("Remote_Address/")?, parent),
        ("NetworkConnectionObjectType", path) => {
            let path = path
                .strip_prefix("Source_Socket_Address/")
                .or_else(|| path.strip_prefix("Destination_Socket_Address/"))?;
            socket(path, parent)
        }
        (
            "EmailMessageObjectType",
            "Header/From/Address_Value"
            | "Header/Sender/Address_Value"
            | "Header/To/Recipient/Address_Value"
            | "Header/CC/Recipient/Address_Value"
            | "Header/BCC/Recipient/Address_Value",
        ) => address(parent, "e-mail"),
        ("HTTPSessionObjectType", HOST) => uri(parent, Kind::Domain),
        ("DNSQueryObjectType", "Question/QName/Value") => uri(parent, Kind::Domain),
        ("DNSRecordObjectType", "Domain_Name/Value") => uri(parent, Kind::Domain),
        (object, "Hashes/Hash/Simple_Hash_Value")
            if object.ends_with("FileObjectType") || object == "ArtifactObjectType" =>
        {
            digest(parent)
        }
        (object, "File_Name") if object.ends_with("FileObjectType") => Some(Kind::FileName),
        _ => None,
    }
}

fn socket(path: &str, parent: &Element) -> Option<Kind> {
    match path {
        "IP_Address/Address_Value" => address(parent, "ipv4-addr"),
        "Hostname/Hostname_Value" => Some(Kind::Domain),
        _ => None,
    }
}

fn address(parent: &Element, default: &str) -> Option<Kind> {
    match parent.attribute("category").unwrap_or(default) {
        "ipv4-addr" | "ipv4-net" | "ipv6-addr" | "ipv6-net" | "cidr" => Some(Kind::Address),
        "e-mail" => Some(Kind::Email),
        _ => None,
    }
}

fn uri(parent: &Element, default: Kind) -> Option<Kind> {
    match parent.attribute("type") {
        Some("URL") => (default == Kind::Url).then_some(Kind::Url),
        Some("Domain Name") => Some(Kind::Domain),
        Some(_) => None,
        None => Some(default),
    }
}

/// Returns the digest's type. Without a known name the length decides.
fn digest(hash: &Element) -> Option<Kind> {
    match hash.text_of("Type") {
        None | Some("Other") => Some(Kind::Digest(None)),
        Some(name) => match HashKind::from_name(name)? {
            kind @ (HashKind::Md5 | HashKind::Sha1 | HashKind::Sha256) => {
                Some(Kind::Digest(Some(kind)))
            }
            _ => None,
        },
    }
}

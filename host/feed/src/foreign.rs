//! Kinds of files that people often mistake for lists, with their names.

use crate::preset::Format;

/// The number of bytes that are searched for signs of a kind.
const LOOKED_AT: usize = 4096;

/// XML without a sign of its kind.
pub(crate) const XML: &str = "XML of an unsupported kind";

/// A kind of HTML or XML.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Markup {
    /// A package of STIX 1.x.
    Package,
    /// Another kind, with its name.
    Other(&'static str),
}

/// Recognises a text that starts with a tag, a declaration or a comment of HTML or XML.
pub(crate) fn markup(text: &[u8]) -> Option<Markup> {
    let [b'<', rest @ ..] = text else { return None };
    let name = rest
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || b":_-".contains(b)))
        .unwrap_or(rest.len());
    let is_tag = rest.first().is_some_and(u8::is_ascii_alphabetic)
        && matches!(rest.get(name), None | Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n'));
    if !is_tag && !matches!(rest.first(), Some(b'!' | b'?')) {
        return None;
    }
    let start = &text[..text.len().min(LOOKED_AT)];
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    if start.contains("stix_package") {
        return Some(Markup::Package);
    }
    Some(Markup::Other(if start.contains("taxii_message") || start.contains(":poll_response") {
        "a message of TAXII 1.x, which is not supported yet; TAXII 2.1 is"
    } else if start.starts_with("<?xml") && !start.contains("<html") {
        XML
    } else {
        "an HTML page (a login page, an error, or the page around a file: use the URL of the raw file)"
    }))
}

/// Returns whether a text is a whole HTML page, and not only a text with tags.
pub(crate) fn is_document(text: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&text[..text.len().min(LOOKED_AT)]).to_ascii_lowercase();
    start.contains("<!doctype") || start.contains("<html")
}

/// Recognises a text with a grammar of its own by its first line with content.
pub(crate) fn text(text: &[u8]) -> Option<Format> {
    const STARTS: [(&str, Format); 17] = [
        ("[Adblock", Format::Adblock),
        ("[uBlock", Format::Adblock),
        ("||", Format::Adblock),
        ("@@||", Format::Adblock),
        ("$TTL", Format::Rpz),
        ("$ORIGIN", Format::Rpz),
        ("@ SOA ", Format::Rpz),
        ("@ IN SOA ", Format::Rpz),
        ("address=/", Format::Dnsmasq),
        ("server=/", Format::Dnsmasq),
        ("local=/", Format::Dnsmasq),
        ("local-zone:", Format::Unbound),
        ("server:\n", Format::Unbound),
        ("server:\r\n", Format::Unbound),
        ("access-list ", Format::Pix),
        ("alert ", Format::Rules),
        ("drop ", Format::Rules),
    ];
    let start = String::from_utf8_lossy(&text[..text.len().min(LOOKED_AT)]);
    if start.starts_with('!') && start.contains("\n||") {
        return Some(Format::Adblock);
    }
    let mut rest = &*start;
    while rest.starts_with(['#', ';', '!']) {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    STARTS.iter().find(|(first, _)| rest.starts_with(first)).map(|(_, format)| *format)
}

/// JSON files that people load as feeds although they are none: the properties that must all be
/// present, and the kind. Presets recognise the others.
const JSON: [(&[&str], &str); 2] =
    [(&["_source"], "exported documents, which are logs"), (&["error"], "an error message")];

/// Recognises the kind of a JSON object.
pub(crate) fn json(object: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(&object[..object.len().min(LOOKED_AT)]);
    let has = |name: &&str| text.contains(&format!("\"{name}\""));
    JSON.iter().find(|(names, _)| names.iter().all(&has)).map(|(_, kind)| *kind)
}

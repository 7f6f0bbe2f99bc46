//! Kinds of files that people often mistake for feeds, with their names.

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

/// Recognises the kind of a text by its first line with content.
pub(crate) fn text(text: &[u8]) -> Option<&'static str> {
    const ADBLOCK: &str = "an Adblock filter list, which is not supported yet";
    const ZONE: &str = "a DNS zone (RPZ), which is not supported yet";
    const DNSMASQ: &str = "a configuration of dnsmasq, which is not supported yet";
    const UNBOUND: &str = "a configuration of unbound, which is not supported yet";
    const STARTS: [(&str, &str); 14] = [
        ("[Adblock", ADBLOCK),
        ("[uBlock", ADBLOCK),
        ("||", ADBLOCK),
        ("@@||", ADBLOCK),
        ("$TTL", ZONE),
        ("$ORIGIN", ZONE),
        ("@ SOA ", ZONE),
        ("@ IN SOA ", ZONE),
        ("address=/", DNSMASQ),
        ("server=/", DNSMASQ),
        ("local=/", DNSMASQ),
        ("local-zone:", UNBOUND),
        ("server:\n", UNBOUND),
        ("server:\r\n", UNBOUND),
    ];
    let start = String::from_utf8_lossy(&text[..text.len().min(LOOKED_AT)]);
    if start.starts_with('!') && start.contains("\n||") {
        return Some(ADBLOCK);
    }
    let mut rest = &*start;
    while rest.starts_with(['#', ';']) {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest).trim_start();
    }
    STARTS.iter().find(|(first, _)| rest.starts_with(first)).map(|(_, kind)| *kind)
}

/// JSON files that people load as feeds: the properties that must all be present, and the kind.
const JSON: [(&[&str], &str); 19] = [
    (&["ip_address", "port", "status"], "the Feodo Tracker's blocklist in JSON"),
    (&["phish_id"], "PhishTank's list in JSON"),
    (&["urlhaus_link"], "URLhaus's list in JSON"),
    (&["ioc_value"], "ThreatFox's list in JSON"),
    (&["query_status", "data"], "an answer of an abuse.ch API"),
    (&["cidr", "sblid"], "Spamhaus DROP in JSON lines"),
    (&["asn", "asname"], "Spamhaus ASN-DROP, which contains AS numbers and no indicators"),
    (&["Event", "Attribute"], "a MISP event"),
    (&["Event", "info"], "a MISP event"),
    (&["matching_attributes"], "a MISP warninglist"),
    (&["Orgc", "threat_level_id"], "a MISP feed's manifest, which lists events and no indicators"),
    (&["results", "indicators"], "pulses of AlienVault OTX"),
    (&["scenario", "scope"], "CrowdSec's decisions"),
    (&["or_addresses"], "Tor's relays as Onionoo lists them"),
    (&["syncToken", "prefixes"], "a cloud's address ranges"),
    (&["addressPrefixes"], "a cloud's address ranges"),
    (&["ipv6_addresses", "addresses"], "a cloud's address ranges"),
    (&["_source"], "exported documents, which are logs"),
    (&["error"], "an error message"),
];

/// Recognises the kind of a JSON object.
pub(crate) fn json(object: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(&object[..object.len().min(LOOKED_AT)]);
    let has = |name: &&str| text.contains(&format!("\"{name}\""));
    JSON.iter().find(|(names, _)| names.iter().all(&has)).map(|(_, kind)| *kind)
}

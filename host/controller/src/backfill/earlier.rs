//! The matches that a document names in its enrichments.

use serde_json::{Map, Value as Json};
use threatsieve_blacklist::{
    DomainMode, Entry, EntryType, How, IndicatorId, IndicatorView, Match, Role, Tlp, UrlMode,
};
use threatsieve_flag::{ENRICHMENTS, Found, value_at};
use threatsieve_log::parse_time;

/// The words of ECS for a confidence, with a number in their middle.
const CONFIDENCE: [(&str, u8); 4] = [("None", 0), ("Low", 15), ("Medium", 50), ("High", 85)];

/// A match that a document names.
#[derive(Debug, Clone)]
pub(crate) struct Earlier {
    pub(crate) feed: String,
    pub(crate) indicator: String,
    /// The listed value, if the enrichment has it.
    pub(crate) value: Option<String>,
    /// The match, made of the enrichment.
    pub(crate) found: Found,
}

/// Returns the matches with a blacklist that a document names, each indicator once.
pub(crate) fn earlier(source: &Map<String, Json>, blacklist: &str) -> Vec<Earlier> {
    let lists = [ENRICHMENTS, "threatsieve.enrichments"];
    let mut all: Vec<Earlier> = Vec::new();
    for list in lists.iter().filter_map(|name| value_at(source, name)) {
        let one = std::slice::from_ref(list);
        for enrichment in list.as_array().map_or(one, Vec::as_slice) {
            let Some(object) = enrichment.as_object() else { continue };
            if value_at(object, "threatsieve.blacklist").and_then(Json::as_str) != Some(blacklist) {
                continue;
            }
            let Some(found) = read(object, all.len() as u32) else { continue };
            let is_known =
                all.iter().any(|one| one.feed == found.feed && one.indicator == found.indicator);
            if !is_known {
                all.push(found);
            }
        }
    }
    all
}

fn read(enrichment: &Map<String, Json>, number: u32) -> Option<Earlier> {
    let text = |name: &str| value_at(enrichment, name).and_then(Json::as_str);
    let (feed, id) = (text("feed.name")?.to_owned(), text("indicator.id")?.to_owned());
    let named = [
        "indicator.url.domain",
        "indicator.url.full",
        "indicator.url.original",
        "indicator.ip",
        "indicator.file.hash.md5",
        "indicator.file.hash.sha1",
        "indicator.file.hash.sha256",
        "indicator.email.address",
        "indicator.file.name",
    ];
    let value = named.iter().find_map(|name| text(name)).map(str::to_owned);
    let name = text("indicator.name");
    let kind = kind(text("indicator.type")?, enrichment)?;
    let how = How::ALL.into_iter().find(|how| Some(how.name()) == text("matched.type"))?;
    let time = |name| text(name).and_then(parse_time);
    let confidence = text("indicator.confidence");
    let view = IndicatorView {
        id: IndicatorId::Stix(id.clone()),
        feed: feed.clone(),
        confidence: CONFIDENCE
            .iter()
            .find(|(word, _)| Some(*word) == confidence)
            .map(|(_, number)| *number),
        tlp: text("indicator.marking.tlp").and_then(Tlp::from_name),
        valid_from: time("indicator.first_seen"),
        valid_until: None,
        modified: time("indicator.modified_at"),
        name: name.map(str::to_owned),
        types: Vec::new(),
        threats: Vec::new(),
        port: None,
        mode: DomainMode::AtAndBelow,
        url_mode: UrlMode::Exact,
        conjunction: None,
    };
    let shown = value.clone().or_else(|| name.map(str::to_owned)).unwrap_or_else(|| id.clone());
    let found = Found {
        number,
        observable: text("matched.atomic")?.to_owned(),
        field: text("matched.field").unwrap_or_default().to_owned(),
        matched: Match {
            how,
            entry: Entry { role: Role::Block, kind, value: shown, indicators: vec![view] },
            omitted: 0,
        },
    };
    Some(Earlier { feed, indicator: id, value, found })
}

fn kind(name: &str, enrichment: &Map<String, Json>) -> Option<EntryType> {
    let has = |field: &str| value_at(enrichment, field).is_some();
    Some(match name {
        "domain-name" => EntryType::Domain,
        "ipv4-addr" => EntryType::Ipv4,
        "ipv6-addr" => EntryType::Ipv6,
        "url" => EntryType::Url,
        "email-addr" => EntryType::Email,
        "file" if has("indicator.file.hash.md5") => EntryType::Md5,
        "file" if has("indicator.file.hash.sha1") => EntryType::Sha1,
        "file" if has("indicator.file.hash.sha256") => EntryType::Sha256,
        "file" => EntryType::FileName,
        _ => return None,
    })
}

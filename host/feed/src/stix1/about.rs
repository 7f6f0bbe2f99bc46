//! Properties of indicators and packages, as filters see them: by the names of STIX 2 where that
//! has them ([`crate::ObjectFilter`]).

use serde_json::{Map, Value as Json};
use threatsieve_blacklist::Timestamp;

use super::statement::{confidence, types};
use super::tree::Element;
use super::xml::Family;
use crate::stix::Restriction;
use crate::time::{lenient, to_rfc3339};

/// Elements directly inside an indicator that only filters need.
const ONLY_FOR_FILTERS: [&str; 4] =
    ["Description", "Kill_Chain_Phases", "Producer", "Short_Description"];

/// Elements of a package's header, besides its handling, that filters need.
pub(super) const HEADER: [&str; 5] =
    ["Title", "Description", "Short_Description", "Package_Intent", "Information_Source"];

/// Returns whether a filter needs an element that is otherwise read past.
pub(super) fn is_for_filters(family: Family, name: &str, parent: &str) -> bool {
    family == Family::Stix && parent == "Indicator" && ONLY_FOR_FILTERS.contains(&name)
}

/// Returns the properties of an indicator, or of an observable that counts as one.
pub(super) fn indicator(element: &Element, id: &str, restriction: Restriction) -> Json {
    let mut about = Map::new();
    about.insert("type".into(), "indicator".into());
    about.insert("id".into(), id.into());
    add_text(&mut about, "name", element.text_of("Title"));
    add_description(&mut about, element);
    add_time(&mut about, "modified", element.attribute("timestamp"));
    if let Some(confidence) = confidence(element) {
        about.insert("confidence".into(), confidence.into());
    }
    let types: Vec<Json> = types(element).map(Json::from).collect();
    if !types.is_empty() {
        about.insert("labels".into(), types.clone().into());
        about.insert("indicator_types".into(), types.into());
    }
    if let Some(position) = element.child("Valid_Time_Position") {
        add_time(&mut about, "valid_from", position.text_of("Start_Time"));
        add_time(&mut about, "valid_until", position.text_of("End_Time"));
    }
    let phases = element.all("Kill_Chain_Phases").flat_map(|all| all.all("Kill_Chain_Phase"));
    let phases: Vec<Json> = phases.map(phase).collect();
    if !phases.is_empty() {
        about.insert("kill_chain_phases".into(), phases.into());
    }
    if let Some(producer) = element.child("Producer") {
        add_source(&mut about, producer);
    }
    add_tlp(&mut about, restriction);
    Json::Object(about)
}

/// Returns the properties of a package that its first element has.
pub(super) fn package(id: Option<&str>, modified: Option<Timestamp>) -> Map<String, Json> {
    let mut about = Map::new();
    about.insert("type".into(), "package".into());
    add_text(&mut about, "id", id);
    add_text(&mut about, "modified", modified.and_then(to_rfc3339).as_deref());
    about
}

/// Adds an element of a package's header.
pub(super) fn add_header(about: &mut Map<String, Json>, element: &Element) {
    let text = Some(element.text.trim()).filter(|text| !text.is_empty());
    match &*element.name {
        "Title" => add_text(about, "name", text),
        // The long form wins.
        "Description" => {
            about.remove("description");
            add_text(about, "description", text);
        }
        "Short_Description" => add_text(about, "description", text),
        "Package_Intent" => {
            let intents = about.entry("intents").or_insert_with(|| Json::Array(Vec::new()));
            if let (Json::Array(intents), Some(text)) = (intents, text) {
                intents.push(text.into());
            }
        }
        _ => add_source(about, element),
    }
}

/// Adds the marking of an indicator or a package.
pub(super) fn add_tlp(about: &mut Map<String, Json>, restriction: Restriction) {
    if let Restriction::Tlp(level) = restriction {
        about.insert("tlp".into(), level.name().into());
    }
}

/// Adds a text, unless there is one already.
fn add_text(about: &mut Map<String, Json>, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        about.entry(name).or_insert_with(|| text.into());
    }
}

fn add_time(about: &mut Map<String, Json>, name: &str, text: Option<&str>) {
    add_text(about, name, text.and_then(lenient).and_then(to_rfc3339).as_deref());
}

fn add_description(about: &mut Map<String, Json>, element: &Element) {
    let text = element.text_of("Description").or_else(|| element.text_of("Short_Description"));
    add_text(about, "description", text);
}

/// Adds the identity of an information source.
fn add_source(about: &mut Map<String, Json>, source: &Element) {
    let Some(identity) = source.child("Identity") else { return };
    let id = identity.attribute("id").or_else(|| identity.attribute("idref"));
    add_text(about, "created_by_ref", id);
    add_text(about, "created_by", identity.text_of("Name"));
}

fn phase(element: &Element) -> Json {
    let mut about = Map::new();
    add_text(&mut about, "kill_chain_name", element.attribute("kill_chain_name"));
    add_text(&mut about, "phase_name", element.attribute("name"));
    Json::Object(about)
}

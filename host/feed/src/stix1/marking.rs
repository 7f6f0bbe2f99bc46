//! Handling: the markings of packages and indicators.

use threatsieve_blacklist::Tlp;

use super::tree::Element;
use super::xml::Family;
use crate::stix::Restriction;

/// The structures of markings that restrict nothing, or that name a TLP level.
const KNOWN: [&str; 4] = [
    "TLPMarkingStructureType",
    "AISMarkingStructure",
    "SimpleMarkingStructureType",
    "TermsOfUseMarkingStructureType",
];

/// Returns the strictest restriction of a `Handling`. A `Controlled_Structure` is not evaluated:
/// the marking of a part holds for the whole.
pub(super) fn restriction(handling: &Element) -> Restriction {
    let structures = handling.all("Marking").flat_map(|marking| marking.all("Marking_Structure"));
    structures.map(structure).max().unwrap_or(Restriction::None)
}

fn structure(element: &Element) -> Restriction {
    let is_known = matches!(
        &element.kind,
        Some((Family::Stix, name)) if KNOWN.contains(&name.as_str())
    );
    if is_known { colour(element) } else { Restriction::Unknown }
}

/// Returns the strictest level in a structure. AIS markings have it further inside.
fn colour(element: &Element) -> Restriction {
    let own = match element.attribute("color") {
        None => Restriction::None,
        Some(name) => Tlp::from_name(name).map_or(Restriction::Unknown, Restriction::Tlp),
    };
    element.children.iter().map(colour).fold(own, Restriction::max)
}

//! Markings and their TLP levels (STIX 2.1, section 7.2; FIRST TLP 1.0 and 2.0).

use std::borrow::Cow;
use std::collections::HashMap;

use indexmap::IndexSet;
use serde::Deserialize;
use serde_json::value::RawValue;
use threatsieve_blacklist::Tlp;

use super::object::{ObjectError, RawObject, Text, read, text};

/// The definitions in the specifications: TLP 1.0 (STIX 2.0 part 1, section 4.1.4) and TLP 2.0 (the
/// OASIS extension definition).
const WELL_KNOWN: [(&str, Tlp); 9] = [
    ("613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp::Clear),
    ("34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp::Green),
    ("f88d31f6-486f-44da-b317-01333bde0b82", Tlp::Amber),
    ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
    ("94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp::Clear),
    ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp::Green),
    ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp::Amber),
    ("939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp::AmberStrict),
    ("e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp::Red),
];
/// The extension that carries TLP 2.0.
const TLP_2_0: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
/// The most markings of one object that are distinguished, and the longest identifier in bytes.
/// Markings beyond these limits count as one unknown marking.
const MAX_REFS: usize = 64;
const MAX_REF_BYTES: usize = 128;

/// The restriction that a marking sets. Of several markings the strictest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Restriction {
    /// No restriction, for example a copyright statement.
    None,
    /// A TLP level.
    Tlp(Tlp),
    /// A marking that is not understood. It is treated as the strictest level.
    Unknown,
}

/// All markings: definitions, and the sets of references to them that many indicators share.
#[derive(Default)]
pub(super) struct Markings {
    definitions: HashMap<Box<str>, Restriction>,
    sets: IndexSet<MarkingSet>,
}

/// The number of a set of markings in [`Markings`].
pub(super) type SetId = u32;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct MarkingSet {
    refs: Box<[Box<str>]>,
    /// The object has more markings than are distinguished.
    has_more: bool,
}

impl Markings {
    /// The number of definitions and sets.
    pub(super) fn len(&self) -> usize {
        self.definitions.len() + self.sets.len()
    }

    /// Adds a definition. If two differ, the stricter one holds.
    pub(super) fn define(&mut self, object: &RawObject<'_>) -> Result<(), ObjectError> {
        let Some(id) = text(object.id, "id")?.filter(|id| id.len() <= MAX_REF_BYTES) else {
            return Err(super::object::wrong(
                "id",
                "an identifier of at most 128 bytes",
                "none or a longer one",
            ));
        };
        let said = restriction(object);
        let kept = self.definitions.entry(id.as_ref().into()).or_insert(said);
        *kept = said.max(*kept);
        Ok(())
    }

    /// Returns the definitions that are understood, each with its identifier and as equivalent
    /// JSON.
    pub(super) fn definitions(&self) -> impl Iterator<Item = (&str, String)> {
        self.definitions.iter().filter_map(|(id, said)| {
            let (kind, definition) = match said {
                Restriction::None => ("statement", serde_json::json!({})),
                Restriction::Tlp(level) => ("tlp", serde_json::json!({ "tlp": level.name() })),
                Restriction::Unknown => return None,
            };
            let object = serde_json::json!({
                "type": "marking-definition",
                "id": **id,
                "definition_type": kind,
                "definition": definition,
            });
            Some((&**id, object.to_string()))
        })
    }

    /// Returns the identifiers in a set, if its level depends on definitions that specifications do
    /// not have, and on nothing else.
    pub(super) fn custom(&self, set: SetId) -> Option<&[Box<str>]> {
        let set = self.sets.get_index(set as usize).filter(|set| !set.has_more)?;
        set.refs.iter().any(|id| well_known(id).is_none()).then_some(&set.refs)
    }

    /// Returns the strictest restriction of these markings.
    pub(super) fn strictest<'a>(&self, refs: impl Iterator<Item = &'a str>) -> Restriction {
        refs.map(|id| self.restriction(id)).max().unwrap_or(Restriction::None)
    }

    /// Returns the set of an object's markings, including those of its parts.
    pub(super) fn set(&mut self, object: &RawObject<'_>) -> Result<SetId, ObjectError> {
        let whole: Vec<Text<'_>> =
            read(object.object_marking_refs, "object_marking_refs", "an array of identifiers")?
                .unwrap_or_default();
        let parts: Vec<Granular<'_>> =
            read(object.granular_markings, "granular_markings", "an array of objects")?
                .unwrap_or_default();
        let parts = parts.into_iter().filter_map(|part| part.marking_ref);
        Ok(self.intern(whole.into_iter().chain(parts).map(|one| one.0)))
    }

    /// Returns the empty set of markings.
    pub(super) fn none(&mut self) -> SetId {
        self.insert(Vec::new(), false)
    }

    /// Returns the union of two sets.
    pub(super) fn union(&mut self, one: SetId, other: SetId) -> SetId {
        let sets =
            [one, other].map(|id| self.sets.get_index(id as usize).cloned().unwrap_or_default());
        let has_more = sets.iter().any(|set| set.has_more);
        let refs: Vec<Box<str>> = sets.into_iter().flat_map(|set| set.refs.into_vec()).collect();
        self.insert(refs, has_more)
    }

    fn intern<'a>(&mut self, refs: impl Iterator<Item = Cow<'a, str>>) -> SetId {
        let mut has_more = false;
        let mut kept: Vec<Box<str>> = Vec::new();
        for one in refs {
            if one.len() > MAX_REF_BYTES {
                has_more = true;
            } else if !kept.iter().any(|other| **other == one) {
                has_more |= kept.len() == MAX_REFS;
                kept.truncate(MAX_REFS - 1);
                kept.push(one.into());
            }
        }
        self.insert(kept, has_more)
    }

    fn insert(&mut self, mut refs: Vec<Box<str>>, mut has_more: bool) -> SetId {
        refs.sort_unstable();
        refs.dedup();
        has_more |= refs.len() > MAX_REFS;
        refs.truncate(MAX_REFS);
        // There are at most as many sets as objects are kept, and those are counted in 32 bits.
        self.sets.insert_full(MarkingSet { refs: refs.into(), has_more }).0 as SetId
    }

    /// Returns the restriction of each set. All definitions must have been read.
    pub(super) fn resolve(&self) -> Vec<Restriction> {
        self.sets
            .iter()
            .map(|set| {
                let said = self.strictest(set.refs.iter().map(|one| &**one));
                if set.has_more { Restriction::Unknown } else { said }
            })
            .collect()
    }

    fn restriction(&self, id: &str) -> Restriction {
        match well_known(id) {
            Some(level) => Restriction::Tlp(level),
            None => self.definitions.get(id).copied().unwrap_or(Restriction::Unknown),
        }
    }
}

/// Returns the level of a definition in the specifications.
fn well_known(id: &str) -> Option<Tlp> {
    let uuid = id.strip_prefix("marking-definition--")?;
    WELL_KNOWN.iter().find(|(known, _)| *known == uuid).map(|(_, level)| *level)
}

#[derive(Deserialize)]
struct Granular<'a> {
    /// Missing if the part is marked with a language.
    #[serde(borrow)]
    marking_ref: Option<Text<'a>>,
}

/// Returns the restriction of a definition: the strictest of the TLP levels that it names in one
/// way or another. A definition without a level restricts nothing if it is a statement. Other
/// kinds, such as a publisher's access control, are not understood.
fn restriction(object: &RawObject<'_>) -> Restriction {
    let level = |name: &str| {
        let name = strip_tlp(name).unwrap_or(name);
        Tlp::from_name(name.trim()).map_or(Restriction::Unknown, Restriction::Tlp)
    };
    let definition: HashMap<Cow<'_, str>, &RawValue> =
        lenient(object.definition).unwrap_or_default();
    let extensions: HashMap<Cow<'_, str>, &RawValue> =
        lenient(object.extensions).unwrap_or_default();
    let extension = extensions.get(TLP_2_0).map(|raw| {
        let properties: HashMap<Cow<'_, str>, &RawValue> = lenient(Some(raw)).unwrap_or_default();
        lenient::<String>(properties.get("tlp_2_0").copied())
            .map_or(Restriction::Unknown, |name| level(&name))
    });
    let own = definition
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("tlp"))
        .map(|(_, raw)| {
            lenient::<String>(Some(raw)).map_or(Restriction::Unknown, |name| level(&name))
        })
        .max();
    // OpenCTI writes levels that TLP 1.0 does not have as statements, with the level in another
    // property.
    let aside = [object.name, object.x_opencti_definition]
        .into_iter()
        .filter_map(|raw| lenient::<String>(raw).and_then(|name| strip_tlp(&name).map(level)))
        .max();
    let is_statement = lenient::<String>(object.definition_type)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("statement"));
    let otherwise = if is_statement { Restriction::None } else { Restriction::Unknown };
    extension.max(own).max(aside).unwrap_or(otherwise)
}

/// Reads a property. One of another type counts as absent.
fn lenient<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

fn strip_tlp(name: &str) -> Option<&str> {
    name.get(..4).filter(|start| start.eq_ignore_ascii_case("TLP:")).map(|_| &name[4..])
}

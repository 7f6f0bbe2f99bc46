//! Elements as trees, one indicator or observable at a time.

use super::about;
use super::xml::{Family, Start, Token, Xml};
use crate::FeedError;
use crate::stix::{ObjectError, StixLimits};

/// The most elements in one tree.
const MAX_ELEMENTS: usize = 256 * 1024;

/// The attributes that are used. The others are not kept.
const ATTRIBUTES: [&str; 16] = [
    "id",
    "idref",
    "timestamp",
    "negate",
    "operator",
    "condition",
    "apply_condition",
    "delimiter",
    "category",
    "type",
    "color",
    "object_reference",
    "is_obfuscated",
    "bit_mask",
    "kill_chain_name",
    "name",
];

/// Elements of indicators and observables that are read past, with everything inside, unless a
/// filter needs them.
const UNUSED: [&str; 16] = [
    "Alternative_ID",
    "Custom_Properties",
    "Description",
    "Discovery_Method",
    "Indicated_TTP",
    "Information_Source",
    "Keywords",
    "Kill_Chain_Phases",
    "Likely_Impact",
    "Observable_Source",
    "Producer",
    "Related_Campaigns",
    "Related_Packages",
    "Short_Description",
    "Sightings",
    "Suggested_COAs",
];

/// An element with the elements inside it.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: Box<str>,
    /// The value of `xsi:type`, without its prefix, and its family.
    pub(super) kind: Option<(Family, String)>,
    attributes: Vec<(&'static str, Box<str>)>,
    /// The text, before any element inside.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// Returns the value of an attribute, without white space around it.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    }

    /// Returns the id of the element that this one stands for. An element with content of its own
    /// counts by itself, whatever id it names.
    pub(super) fn reference(&self) -> Option<&str> {
        self.attribute("idref").filter(|_| self.children.is_empty())
    }

    /// Returns whether an attribute is true (`true` or `1`).
    pub(super) fn is(&self, attribute: &str) -> bool {
        matches!(self.attribute(attribute), Some("true" | "1"))
    }

    /// The elements with this name directly inside.
    pub(super) fn all(&self, name: &'static str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| &*child.name == name)
    }

    /// The first element with this name directly inside.
    pub(super) fn child(&self, name: &'static str) -> Option<&Element> {
        self.all(name).next()
    }

    /// The text of the first element with this name directly inside; `None` if it is empty.
    pub(super) fn text_of(&self, name: &'static str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }
}

/// Copies the start of an element.
pub(super) fn element(start: &Start<'_>) -> Result<Element, FeedError> {
    let mut attributes = Vec::new();
    start.attributes(&mut |name, value| {
        if let Some(name) = ATTRIBUTES.into_iter().find(|known| *known == name) {
            attributes.push((name, value.into()));
        }
    })?;
    Ok(Element {
        name: start.name().into(),
        kind: start.xsi_type()?,
        attributes,
        text: String::new(),
        children: Vec::new(),
    })
}

/// Reads an element to its end. Elements of other namespaces are read past. The inner error means
/// that the element is beyond a limit and was read past.
pub(super) fn tree(
    xml: &mut Xml<'_>,
    first: Element,
    limits: &StixLimits,
) -> Result<Result<Element, ObjectError>, FeedError> {
    let has_filter = !limits.objects.is_open();
    let begin = xml.offset();
    let (mut open, mut elements, mut skipped) = (vec![first], 1, 0_u32);
    let mut fault = None;
    loop {
        match xml.next()? {
            Token::Start(start) => {
                let name = start.name();
                let is_for_filters = || {
                    let parent = open.last().map_or("", |parent| &*parent.name);
                    has_filter && about::is_for_filters(start.family, name, parent)
                };
                let is_used =
                    start.family != Family::Other && (!UNUSED.contains(&name) || is_for_filters());
                if skipped == 0 && is_used && open.len() >= limits.max_depth as usize {
                    fault = fault.or(Some(ObjectError::TooDeep { limit: limits.max_depth }));
                }
                if skipped == 0 && is_used && elements >= MAX_ELEMENTS {
                    fault = fault.or(Some(ObjectError::TooManyElements { limit: MAX_ELEMENTS }));
                }
                if skipped > 0 || !is_used || fault.is_some() {
                    skipped += 1;
                } else {
                    open.push(element(&start)?);
                    elements += 1;
                }
            }
            Token::Text(text) => {
                if let Some(inner) = open.last_mut()
                    && skipped == 0
                    && fault.is_none()
                    && inner.children.is_empty()
                {
                    inner.text.push_str(&text);
                }
            }
            Token::End if skipped > 0 => skipped -= 1,
            Token::End => {
                let Some(done) = open.pop() else { continue };
                match (open.last_mut(), fault) {
                    (Some(parent), kept) => {
                        fault = kept;
                        parent.children.push(done);
                    }
                    (None, None) => return Ok(Ok(done)),
                    (None, Some(fault)) => return Ok(Err(fault)),
                }
            }
            Token::Other | Token::Eof => {}
        }
        if xml.offset() - begin > limits.max_object_bytes as u64 {
            fault = fault.or(Some(ObjectError::TooLong { limit: limits.max_object_bytes }));
        }
    }
}

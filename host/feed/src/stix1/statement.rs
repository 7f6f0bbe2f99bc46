//! Indicators: everything around their observables.

use threatsieve_blacklist::{Indicator, IndicatorId, Timestamp, Tlp, Value};

use super::marking::restriction;
use super::node::{Limit, Node, Window};
use super::observable::{Parts, composed};
use super::tree::Element;
use crate::Dropped;
use crate::reduce::Reason;
use crate::stix::{ObjectError, Restriction, UnreducedReason};
use crate::text::cut;
use crate::time::lenient;

/// The most types of an indicator that are kept.
const MAX_TYPES: usize = 32;

/// An indicator, or an observable of a package.
#[derive(Debug)]
pub(super) struct Statement {
    /// `None` is older than any time.
    pub(super) modified: Option<Timestamp>,
    /// The feeds with this version.
    pub(super) feeds: Vec<u16>,
    /// The number of its package in the set.
    pub(super) package: usize,
    pub(super) restriction: Restriction,
    confidence: Option<u8>,
    name: Option<String>,
    types: Vec<String>,
    /// False for an observable of a package.
    pub(super) is_indicator: bool,
    pub(super) node: Node,
    /// The reason why a filter drops it. Others may still refer to it.
    pub(super) dropped: Option<Box<Dropped>>,
}

impl Statement {
    /// Reads an indicator.
    pub(super) fn indicator(
        element: &Element,
        feed: u16,
        package: usize,
        parts: &mut Parts,
    ) -> Result<Statement, ObjectError> {
        let handling = element.all("Handling").map(restriction).max();
        Ok(Statement {
            modified: time(element.attribute("timestamp"), "timestamp")?,
            feeds: vec![feed],
            package,
            restriction: handling.unwrap_or(Restriction::None),
            confidence: confidence(element),
            name: element.text_of("Title").map(cut),
            types: types(element).map(cut).collect(),
            is_indicator: true,
            node: node(element, parts)?,
            dropped: None,
        })
    }

    /// Creates the statement of an observable.
    pub(super) fn observable(node: Node, feed: u16, package: usize) -> Statement {
        Statement {
            modified: None,
            feeds: vec![feed],
            package,
            restriction: Restriction::None,
            confidence: None,
            name: None,
            types: Vec::new(),
            is_indicator: false,
            node,
            dropped: None,
        }
    }

    /// Returns the indicator with these values.
    pub(super) fn with(
        &self,
        id: &str,
        tlp: Option<Tlp>,
        limit: Limit,
        values: Vec<Value>,
    ) -> Indicator {
        Indicator {
            id: IndicatorId::Stix(id.to_owned()),
            confidence: self.confidence,
            tlp,
            valid_from: limit.window.start,
            valid_until: limit.window.stop,
            modified: self.modified,
            name: self.name.clone(),
            types: self.types.clone(),
            port: limit.port,
            threats: Vec::new(),
            values,
        }
    }
}

/// Reads what an indicator says about events: its observables, the indicators it is composed of,
/// and its tests. Each of them is an alternative.
fn node(element: &Element, parts: &mut Parts) -> Result<Node, ObjectError> {
    let mut nodes: Vec<Node> = element.all("Observable").map(|one| parts.observable(one)).collect();
    for composition in element.all("Composite_Indicator_Expression") {
        let operands = composition.all("Indicator").map(|one| operand(one, parts));
        let operands = operands.collect::<Result<_, _>>()?;
        nodes.push(composed(composition, operands));
    }
    for test in element.all("Test_Mechanisms").flat_map(|all| all.all("Test_Mechanism")) {
        nodes.push(mechanism(test));
    }
    if nodes.is_empty() {
        nodes.push(Node::nothing("an indicator without an observable", Reason::NoObservable));
    }
    let node = Node::any(nodes);
    let node = if element.is("negate") { node.negated() } else { node };
    let windows = windows(element)?;
    Ok(if windows.is_empty() { node } else { Node::During(windows, Box::new(node)) })
}

/// Reads an operand of a composite indicator.
fn operand(element: &Element, parts: &mut Parts) -> Result<Node, ObjectError> {
    if let Some(id) = element.reference() {
        return Ok(parts.reference(id));
    }
    let node = node(element, parts)?;
    Ok(parts.define(element, node))
}

/// Reads a test in another language, for example `SnortTestMechanismType`.
fn mechanism(element: &Element) -> Node {
    let name = element.kind.as_ref().map_or("", |(_, name)| name);
    let language = name.strip_suffix("TestMechanismType").unwrap_or(name);
    let text = format!("Test_Mechanism {name}");
    Node::Nothing(cut(&text), UnreducedReason::Language(cut(&language.to_ascii_lowercase())))
}

fn windows(element: &Element) -> Result<Vec<Window>, ObjectError> {
    let positions = element.all("Valid_Time_Position").map(|position| {
        Ok(Window {
            start: time(position.text_of("Start_Time"), "Start_Time")?,
            stop: time(position.text_of("End_Time"), "End_Time")?,
        })
    });
    positions.collect()
}

fn time(text: Option<&str>, property: &'static str) -> Result<Option<Timestamp>, ObjectError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    lenient(text).map(Some).ok_or_else(|| ObjectError::Property {
        property,
        expected: "a date and time",
        got: cut(text),
    })
}

/// Returns the types of an indicator.
pub(super) fn types(element: &Element) -> impl Iterator<Item = &str> {
    let types = element.all("Type").map(|one| one.text.trim());
    types.filter(|text| !text.is_empty()).take(MAX_TYPES)
}

/// Returns the confidence. Its words mean the numbers of STIX 2.1, appendix A. Other words are
/// unknown.
pub(super) fn confidence(element: &Element) -> Option<u8> {
    let text = element.child("Confidence")?.text_of("Value")?;
    match text.to_ascii_lowercase().as_str() {
        "none" => Some(0),
        "low" => Some(15),
        "medium" => Some(50),
        "high" => Some(85),
        number => number.parse().ok().filter(|number| *number <= 100),
    }
}

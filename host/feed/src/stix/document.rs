//! Documents around STIX objects: envelopes, and JSON that is not STIX.

use super::object::{RawObject, text};
use super::report::BundleReport;
use super::split::{Element, Misplaced};
use crate::FeedError;
use crate::foreign;
use crate::text::cut;

/// Checks for objects that are not STIX: an array of them is not an empty feed.
#[derive(Default)]
pub(super) struct ForeignObjects {
    /// The error about the first one.
    pub(super) error: Option<FeedError>,
    /// True if some object is STIX.
    pub(super) is_stix: bool,
}

impl ForeignObjects {
    pub(super) fn check(&mut self, element: &Element<'_>) {
        // One STIX object is enough, and nearly always the first one is.
        if self.is_stix {
            return;
        }
        let bytes = match *element {
            Element::Object { bytes, .. } | Element::Other { bytes, .. } => bytes,
            // A bundle or envelope says what it is. Its objects are judged one by one.
            Element::Envelope { .. } => {
                self.is_stix = true;
                return;
            }
            Element::Beyond { .. } => return,
        };
        // An identifier starts with its object's type and two hyphens (STIX 2.1, section 2.9).
        let is_stix = serde_json::from_slice::<RawObject<'_>>(bytes).is_ok_and(|object| {
            let id = text(object.id, "id").ok().flatten();
            let kind = text(object.kind, "type").ok().flatten();
            match kind.as_deref() {
                Some("bundle" | "indicator" | "marking-definition") => true,
                Some(_) => id.is_some_and(|id| id.contains("--")),
                // An envelope without objects. Any other document is rejected when it is read.
                None => matches!(*element, Element::Object { is_document: true, .. }),
            }
        });
        self.is_stix |= is_stix;
        if !is_stix && self.error.is_none() {
            self.error = Some(not_stix(bytes));
        }
    }
}

/// Checks the type of an object whose `objects` is not an array. It must be neither a bundle nor,
/// without a type, an envelope.
pub(super) fn check_type(
    bytes: &[u8],
    misplaced: Misplaced,
    report: &BundleReport,
) -> Result<(), FeedError> {
    // The code that reads the rest reports damage.
    let Ok(object) = serde_json::from_slice::<RawObject<'_>>(bytes) else { return Ok(()) };
    let kind = text(object.kind, "type").ok().flatten();
    if kind.is_some_and(|kind| kind != "bundle") {
        return Ok(());
    }
    let Misplaced { offset, got } = misplaced;
    Err(FeedError::NoArray { offset, got, objects: report.objects.saturating_sub(1) })
}

/// Checks a whole document without a type. It may be an envelope without objects, but nothing else.
pub(super) fn document(
    object: &RawObject<'_>,
    bytes: &[u8],
    report: &mut BundleReport,
) -> Result<(), FeedError> {
    let is_empty = bytes.trim_ascii_start().get(1..).is_some_and(|rest| rest.trim_ascii() == b"}");
    if !is_empty && object.more.is_none() {
        return Err(not_stix(bytes));
    }
    report.forget_document();
    envelope(object, report);
    Ok(())
}

fn not_stix(bytes: &[u8]) -> FeedError {
    let got = cut(&String::from_utf8_lossy(&bytes[..bytes.len().min(1024)]));
    FeedError::NotStix { kind: foreign::json(bytes), got }
}

/// Reads the properties around an envelope's objects.
pub(super) fn envelope(object: &RawObject<'_>, report: &mut BundleReport) {
    report.is_bundle |= text(object.kind, "type").is_ok_and(|kind| kind.is_some());
    let next = object.next.and_then(|next| match next.get() {
        // The same text is sent back to the server. Reading it as a number could change it.
        number if number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            Some(number.to_owned())
        }
        text => serde_json::from_str(text).ok().filter(|next: &String| !next.is_empty()),
    });
    report.more |= match object.more {
        Some(more) => matches!(more.get(), "true" | "\"true\"" | "\"True\"" | "1"),
        // A server that leaves out `more` would not send a `next` that leads nowhere.
        None => next.is_some(),
    };
    report.next = report.next.take().or(next);
}

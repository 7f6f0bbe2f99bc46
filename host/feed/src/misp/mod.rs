//! MISP's JSON: what its API answers, and the files of feeds in MISP's format.
//!
//! [`MispReader`] turns attributes into indicators. Its caller fetches events, and gives each
//! attribute together with the event that it belongs to, which has tags that hold for all of its
//! attributes.
//!
//! ```
//! use threatsieve_feed::misp::{MispReader, MispReading, read_event};
//!
//! let json = r#"{"Event": {"uuid": "11111111-aaaa-4bbb-8ccc-000000000001", "info": "A campaign",
//!     "Tag": [{"name": "tlp:green"}], "Attribute": [
//!     {"uuid": "33333333-aaaa-4bbb-8ccc-000000000001", "type": "domain|ip", "to_ids": true,
//!      "value": "evil.example|192.0.2.7"}]}}"#;
//! let event = read_event(&mut json.as_bytes())?;
//! let (attribute, is_deleted) = event.attributes().next().unwrap();
//! let reading = MispReader::default().read(attribute, is_deleted, &event);
//! let MispReading::Indicator(indicator) = reading else { panic!() };
//! assert_eq!(indicator.values[0].to_string(), "evil.example");
//! # Ok::<(), threatsieve_feed::FeedError>(())
//! ```

mod answer;
mod event;
mod reading;
mod scalar;
mod tags;
#[cfg(test)]
mod tests;

pub use answer::{
    IndexEntry, WarninglistEntry, is_uuid, read_attributes, read_event, read_events, read_index,
    read_manifest, read_warninglist, read_warninglist_index,
};
pub use event::{MispAttribute, MispEvent, MispObject};
pub use reading::{MATCHED_TYPES, MispReader, MispReading};
pub use scalar::Scalar;
pub use tags::{MispTag, TagFilter};

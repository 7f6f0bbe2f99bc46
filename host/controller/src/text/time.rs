//! Points in time as text.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use threatsieve_blacklist::Timestamp;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::rfc3339;

/// A point in time, written as RFC 3339 in text and JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rfc3339(pub(crate) Timestamp);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(self.0))
    }
}

impl PartialSchema for Rfc3339 {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let text = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        RefOr::T(Schema::Object(text.build()))
    }
}

impl ToSchema for Rfc3339 {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Time")
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Returns the date in UTC, as `YYYY-MM-DD`.
pub(crate) fn day(at: Timestamp) -> String {
    let text = rfc3339(at);
    text.split_once('T').map_or_else(|| text.clone(), |(day, _)| day.to_owned())
}

/// Reads a point in time: RFC 3339, or a date or date and time in UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let utc = |civil: DateTime| civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) => match text.parse::<DateTime>() {
            Ok(civil) => utc(civil)?,
            Err(_) => utc(text.parse::<Date>().ok()?.to_datetime(Time::midnight()))?,
        },
    };
    Some(Timestamp(at.as_microsecond()))
}

//! Times as the superseded service wrote them.

use jiff::tz::TimeZone;
use threatsieve_blacklist::Timestamp;

/// Returns a time as `2018-03-22T11:10:56+00:00`.
pub(super) fn with_offset(at: Timestamp) -> String {
    zoned(at, TimeZone::UTC, "%Y-%m-%dT%H:%M:%S+00:00")
}

/// Returns a time as Java writes a date: `Thu Mar 22 12:30:25 EDT 2018`.
pub(super) fn as_java(at: Timestamp) -> String {
    zoned(at, TimeZone::system(), "%a %b %d %H:%M:%S %Z %Y")
}

fn zoned(at: Timestamp, zone: TimeZone, format: &str) -> String {
    jiff::Timestamp::from_microsecond(at.0)
        .map(|at| at.to_zoned(zone).strftime(format).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_superseded_service_did() {
        let at = Timestamp(1_521_736_225_000_000);
        assert_eq!(with_offset(at), "2018-03-22T16:30:25+00:00");
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
        assert_eq!(zoned(at, zone, "%a %b %d %H:%M:%S %Z %Y"), "Thu Mar 22 12:30:25 EDT 2018");
    }
}

//! The event's own time, as logs write it.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use serde_json::Value;
use threatsieve_blacklist::indicator::Timestamp;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// From here on a bare number is milliseconds: as seconds it would lie in the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;
/// And from here on microseconds: as milliseconds it would lie in the year 5138 again.
const MICROSECONDS_FROM: f64 = 1e14;
/// And nanoseconds.
const NANOSECONDS_FROM: f64 = 1e17;

/// Seconds since 1970 with an optional fraction, digit by digit: `1795314625.802`.
pub(crate) fn epoch(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if seconds.is_empty() || !seconds.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut micros = 0;
    for i in 0..6 {
        micros = micros * 10 + i64::from(fraction.as_bytes().get(i).map_or(0, |b| b - b'0'));
    }
    let seconds: i64 = seconds.parse().ok()?;
    seconds.checked_mul(SECOND)?.checked_add(micros).map(Timestamp)
}

/// RFC 3339 and its neighbours: `2026-11-22T02:30:25.123456+0000` (Suricata), a blank for the `T`, no zone at all (UTC).
pub(crate) fn iso(text: &str) -> Option<Timestamp> {
    // A bare date or a bare number is no moment.
    if text.len() < "2026-11-22T02:30".len() || text.len() > 40 || text.as_bytes()[4] != b'-' {
        return None;
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(moment.as_microsecond()));
    }
    let civil: DateTime = text.parse().ok()?;
    let moment = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp(moment.as_microsecond()))
}

/// The time of common and combined logs, without its brackets: `22/Nov/2026:02:30:25 +0000`.
pub(crate) fn common(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let moment = strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()?;
    Some(Timestamp(moment.as_microsecond()))
}

/// A moment as text: RFC 3339 and its neighbours (a blank for the `T`, `+0000`, no zone: UTC), or a number since 1970, of seconds or of
/// milliseconds, microseconds or nanoseconds, told by its size: from 100,000,000,000 on it is milliseconds. `None` for anything else.
pub fn moment(text: &str) -> Option<Timestamp> {
    iso(text).or_else(|| number(text.parse().ok()?))
}

/// A JSON value: text as [`moment`] has it, or such a number.
pub(crate) fn json(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => moment(text),
        Value::Number(n) => number(n.as_f64()?),
        _ => None,
    }
}

fn number(n: f64) -> Option<Timestamp> {
    // Negative zero and what is not finite fall out here too.
    if !(n > 0.0 && n < 1e19) {
        return None;
    }
    let micros = match n {
        n if n >= NANOSECONDS_FROM => n / 1e3,
        n if n >= MICROSECONDS_FROM => n,
        n if n >= MILLISECONDS_FROM => n * 1e3,
        n => n * 1e6,
    };
    Some(Timestamp(micros.round() as i64))
}

/// The moment in RFC 3339, UTC.
pub(crate) fn rfc3339(time: Timestamp) -> Option<String> {
    jiff::Timestamp::from_microsecond(time.0).ok().map(|moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: i64 = 1_795_314_625_000_000;

    #[test]
    fn every_way_to_write_a_moment() {
        for (text, micros) in [
            ("2026-11-22T02:30:25Z", 0),
            ("2026-11-22T02:30:25.802Z", 802_000),
            ("2026-11-22T02:30:25.123456+0000", 123_456),
            ("2026-11-22T03:30:25.123456789+01:00", 123_456),
            ("2026-11-22 02:30:25", 0),
            ("2026-11-22 02:30:25.5", 500_000),
        ] {
            assert_eq!(iso(text), Some(Timestamp(MOMENT + micros)), "{text}");
        }
        assert_eq!(common(b"22/Nov/2026:02:30:25 +0000"), Some(Timestamp(MOMENT)));
        assert_eq!(common(b"21/Nov/2026:21:30:25 -0500"), Some(Timestamp(MOMENT)));
        assert_eq!(epoch(b"1795314625.802"), Some(Timestamp(MOMENT + 802_000)));
        assert_eq!(epoch(b"1795314625"), Some(Timestamp(MOMENT)));
        assert_eq!(epoch(b"1795314625.8020019"), Some(Timestamp(MOMENT + 802_001)));
        for number in ["1795314625.802", "1795314625802", "1795314625802000", "1795314625802000000"] {
            let value: Value = serde_json::from_str(number).unwrap();
            assert_eq!(json(&value), Some(Timestamp(MOMENT + 802_000)), "{number}");
            assert_eq!(json(&Value::from(number)), Some(Timestamp(MOMENT + 802_000)), "{number}");
        }
    }

    #[test]
    fn what_is_no_moment() {
        for text in ["", "2026-11-22", "20261122", "yesterday at noon, or so", "2026-13-45T99:99:99Z"] {
            assert_eq!(iso(text), None, "{text}");
        }
        assert_eq!(epoch(b"-1"), None);
        assert_eq!(epoch(b"99999999999999999999"), None);
        assert_eq!(epoch(b"1.2.3"), None);
        assert_eq!(common(b"[bad]"), None);
        assert_eq!(json(&Value::from(-5)), None);
        assert_eq!(json(&Value::from(f64::MAX)), None);
        assert_eq!(json(&Value::Null), None);
    }

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(rfc3339(Timestamp(MOMENT + 802_000)).as_deref(), Some("2026-11-22T02:30:25.802Z"));
        assert_eq!(rfc3339(Timestamp(i64::MAX)), None);
    }
}

//! The event's own time, as logs write it.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use serde_json::Value;
use threatsieve_blacklist::indicator::Timestamp;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Larger numbers are milliseconds: as seconds they would be after the year 5138.
const MILLISECONDS_FROM: f64 = 1e11;
/// Larger numbers are microseconds: as milliseconds they would be after the year 5138.
const MICROSECONDS_FROM: f64 = 1e14;
/// Larger numbers are nanoseconds.
const NANOSECONDS_FROM: f64 = 1e17;

/// Reads seconds since 1970 with an optional fraction, digit by digit: `1795314625.802`.
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

/// Reads RFC 3339 and similar forms: `2026-11-22T02:30:25.123456+0000` (Suricata), a blank for the
/// `T`, no zone (then UTC).
pub(crate) fn iso(text: &str) -> Option<Timestamp> {
    // A bare date or a bare number is not a time.
    if text.len() < "2026-11-22T02:30".len() || text.len() > 40 || text.as_bytes()[4] != b'-' {
        return None;
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(time.as_microsecond()));
    }
    let civil: DateTime = text.parse().ok()?;
    let time = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(Timestamp(time.as_microsecond()))
}

/// Reads the time of common and combined logs, without its brackets: `22/Nov/2026:02:30:25 +0000`.
pub(crate) fn common(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let time = strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()?;
    Some(Timestamp(time.as_microsecond()))
}

/// Reads a time by a form of strftime. Without a zone it is UTC.
pub(crate) fn by_form(form: &str, text: &[u8]) -> Option<Timestamp> {
    let time = strtime::parse(form, text).ok()?;
    let time = match time.to_timestamp() {
        Ok(time) => time,
        Err(_) => time.to_datetime().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp(),
    };
    Some(Timestamp(time.as_microsecond()))
}

/// Reads RFC 3164's time, `Nov 22 02:30:25`, or with the year after the day. Without a year it is
/// of the twelve months before `now`, or of the day after it: the clock's zone is not known.
pub(crate) fn without_year(text: &[u8], now: Timestamp) -> Option<Timestamp> {
    const DAY: i64 = 86_400 * SECOND;
    let text = std::str::from_utf8(text).ok()?;
    if let Some(time) = by_form("%b %d %Y %H:%M:%S%.f", text.as_bytes()) {
        return Some(time);
    }
    let year = jiff::Timestamp::from_microsecond(now.0).ok()?.strftime("%Y").to_string();
    let year: i16 = year.parse().ok()?;
    // The year before may have a 29th of February.
    [year.saturating_add(1), year, year.saturating_sub(1)].into_iter().find_map(|year| {
        let time = by_form("%Y %b %d %H:%M:%S%.f", format!("{year} {text}").as_bytes())?;
        (time.0 <= now.0.saturating_add(DAY)).then_some(time)
    })
}

/// Reads a time: RFC 3339 and similar forms (a blank for the `T`, `+0000`, no zone: UTC), or a
/// number since 1970 in seconds, milliseconds, microseconds or nanoseconds. The size of the number
/// decides the unit: from 100,000,000,000 on it is milliseconds. Returns `None` for anything else.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    iso(text).or_else(|| number(text.parse().ok()?))
}

/// Reads a JSON value: text as in [`parse_time`] or in common logs, or such a number.
pub(crate) fn json(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => parse_time(text).or_else(|| common(text.as_bytes())),
        Value::Number(n) => number(n.as_f64()?),
        _ => None,
    }
}

pub(crate) fn number(n: f64) -> Option<Timestamp> {
    // Negative zero and infinite numbers are excluded here too.
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

/// Writes the time in RFC 3339, UTC.
pub(crate) fn rfc3339(time: Timestamp) -> Option<String> {
    jiff::Timestamp::from_microsecond(time.0).ok().map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: i64 = 1_795_314_625_000_000;

    #[test]
    fn every_way_to_write_a_time() {
        for (text, micros) in [
            ("2026-11-22T02:30:25Z", 0),
            ("2026-11-22T02:30:25.802Z", 802_000),
            ("2026-11-22T02:30:25.123456+0000", 123_456),
            ("2026-11-22T03:30:25.123456789+01:00", 123_456),
            ("2026-11-22 02:30:25", 0),
            ("2026-11-22 02:30:25.5", 500_000),
        ] {
            assert_eq!(iso(text), Some(Timestamp(TIME + micros)), "{text}");
        }
        assert_eq!(common(b"22/Nov/2026:02:30:25 +0000"), Some(Timestamp(TIME)));
        assert_eq!(common(b"21/Nov/2026:21:30:25 -0500"), Some(Timestamp(TIME)));
        assert_eq!(epoch(b"1795314625.802"), Some(Timestamp(TIME + 802_000)));
        assert_eq!(epoch(b"1795314625"), Some(Timestamp(TIME)));
        assert_eq!(epoch(b"1795314625.8020019"), Some(Timestamp(TIME + 802_001)));
        for number in ["1795314625.802", "1795314625802", "1795314625802000", "1795314625802000000"]
        {
            let value: Value = serde_json::from_str(number).unwrap();
            assert_eq!(json(&value), Some(Timestamp(TIME + 802_000)), "{number}");
            assert_eq!(json(&Value::from(number)), Some(Timestamp(TIME + 802_000)), "{number}");
        }
    }

    #[test]
    fn times_without_a_year_are_before_now() {
        const DAY: i64 = 86_400 * SECOND;
        let read = |text: &str, now: i64| without_year(text.as_bytes(), Timestamp(now));
        for (now, years) in [(TIME, 0), (TIME - DAY, 0), (TIME + 363 * DAY, 0), (TIME - 2 * DAY, 1)]
        {
            let time = Some(Timestamp(TIME - years * 365 * DAY));
            assert_eq!(read("Nov 22 02:30:25", now), time, "{now}");
        }
        assert_eq!(read("Nov 22 2026 02:30:25", 0), Some(Timestamp(TIME)));
        assert_eq!(read("Nov  2 02:30:25.5", TIME), Some(Timestamp(TIME - 20 * DAY + SECOND / 2)));
        assert_eq!(read("Feb 29 00:00:00", TIME), None);
        assert_eq!(read("Nov 31 00:00:00", TIME), None);
        assert_eq!(read("Nov 22 02:30:25", i64::MAX), None);
    }

    #[test]
    fn texts_that_are_not_times() {
        for text in
            ["", "2026-11-22", "20261122", "yesterday at noon, or so", "2026-13-45T99:99:99Z"]
        {
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
    fn times_are_written_in_utc() {
        assert_eq!(rfc3339(Timestamp(TIME + 802_000)).as_deref(), Some("2026-11-22T02:30:25.802Z"));
        assert_eq!(rfc3339(Timestamp(i64::MAX)), None);
    }
}

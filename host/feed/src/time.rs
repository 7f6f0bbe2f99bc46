//! Timestamps of feeds, in microseconds.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use threatsieve_blacklist::Timestamp;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// Reads an RFC 3339 date-time with any number of fraction digits. Digits beyond microseconds are
/// dropped. The leap second 60 counts as the end of second 59. `9999-12-31T23:59:59Z`, which feeds
/// use for "for ever", is an ordinary time.
pub(crate) fn rfc3339(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't'])?;
    let (clock, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
    timestamp(day(date)?, clock, offset_seconds(zone)?)
}

/// Reads a date as people write it in tables: RFC 3339, also with a space for the `T`, without the
/// zone (then UTC), or without the time.
pub(crate) fn lenient(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    if rest.is_empty() {
        return timestamp(day(date)?, "00:00:00", 0);
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(at);
    let zone = match zone.trim_start() {
        "" | "UTC" => "Z",
        zone => zone,
    };
    timestamp(day(date)?, clock, offset_seconds(zone)?)
}

/// Writes an RFC 3339 date-time in UTC with at most six fraction digits. `None` if the year is not
/// between 1 and 9999.
pub(crate) fn to_rfc3339(at: Timestamp) -> Option<String> {
    let time = EPOCH.checked_add(SignedDuration::from_micros(at.0)).ok()?;
    (time.year() >= 1).then(|| format!("{time}Z"))
}

fn timestamp(date: Date, clock: &str, offset_seconds: i64) -> Option<Timestamp> {
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, micros(fraction)?),
        None => (clock, 0),
    };
    let (hour, minute, second) = match clock.as_bytes() {
        [h @ .., b':', m1, m2, b':', s1, s2] => {
            (digits(h, 2)?, digits(&[*m1, *m2], 2)?, digits(&[*s1, *s2], 2)?)
        }
        _ => return None,
    };
    let (second, fraction) = if second == 60 { (59, 999_999) } else { (second, fraction) };
    let time = Time::new(hour as i8, minute as i8, second as i8, 0).ok()?;
    let seconds = date.to_datetime(time).duration_since(EPOCH).as_secs() - offset_seconds;
    Some(Timestamp(seconds * 1_000_000 + fraction))
}

fn day(text: &str) -> Option<Date> {
    match text.as_bytes() {
        [year @ .., b'-', m1, m2, b'-', d1, d2] => {
            let (month, day) = (digits(&[*m1, *m2], 2)?, digits(&[*d1, *d2], 2)?);
            Date::new(digits(year, 4)? as i16, month as i8, day as i8).ok()
        }
        _ => None,
    }
}

fn offset_seconds(zone: &str) -> Option<i64> {
    match zone.as_bytes() {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2], 2)?, digits(&[*m1, *m2], 2)?);
            let seconds = i64::from(hours * 3600 + minutes * 60);
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// Reads a number of exactly `count` ASCII digits.
fn digits(text: &[u8], count: usize) -> Option<u32> {
    let all = text.len() == count && text.iter().all(u8::is_ascii_digit);
    all.then(|| text.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

fn micros(fraction: &str) -> Option<i64> {
    let all = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    all.then(|| {
        fraction
            .bytes()
            .chain([b'0'; 6])
            .take(6)
            .fold(0, |n, digit| n * 10 + i64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_to_microseconds() {
        for (text, want) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01t00:00:01.5z", 1_500_000),
            ("1970-01-01T00:00:00.123456789Z", 123_456),
            ("1970-01-01T02:00:00+02:00", 0),
            ("1969-12-31T22:30:00.000001-01:30", 1),
            ("1969-12-31T23:59:59.9Z", -100_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_999_999),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ] {
            assert_eq!(rfc3339(text), Some(Timestamp(want)), "{text}");
            assert_eq!(lenient(text), Some(Timestamp(want)), "{text}");
        }
    }

    #[test]
    fn written_times_are_read_back() {
        for (text, at) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:01.5Z", 1_500_000),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] {
            assert_eq!(to_rfc3339(Timestamp(at)).as_deref(), Some(text));
            assert_eq!(rfc3339(text), Some(Timestamp(at)));
        }
        for at in [i64::MIN, -62_135_596_800_000_001, 253_402_300_800_000_000, i64::MAX] {
            assert_eq!(to_rfc3339(Timestamp(at)), None);
        }
    }

    #[test]
    fn other_texts_are_not_rfc3339() {
        for text in [
            "",
            "2026",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:61:00Z",
            "2026-01-01T00:00:61Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00Z",
            "2026-01-01T00:00:00+2:00",
            "2026-01-01T00:00:00+24:00",
            "26-01-01T00:00:00Z",
            "2026-01-01T00:00:00ZZ",
            "2026-1-1T0:0:0Z",
            "\u{e9}026-01-01T00:00:00Z",
            "+2026-01-01T00:00:00Z",
            "2026-01-01T0\u{e9}:00:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn tables_may_leave_out_the_zone_or_the_time() {
        for text in [
            "1970-01-02",
            "1970-01-02 00:00:00",
            "1970-01-02T00:00:00",
            "1970-01-02 00:00:00.0 UTC",
            "1970-01-02 01:00:00+01:00",
        ] {
            assert_eq!(lenient(text), Some(Timestamp(86_400_000_000)), "{text}");
        }
        for text in ["1970-01-02x", "1970-01-02 ", "1970-01-02 12", "yesterday", "01/02/1970"] {
            assert_eq!(lenient(text), None, "{text}");
        }
    }
}

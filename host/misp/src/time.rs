//! Times as MISP writes and stores them.

use threatsieve_blacklist::Timestamp;

/// The last second that MISP's columns for changes hold. It answers 500 to later ones.
pub(crate) const LAST_SECOND: i64 = i32::MAX as i64;
/// The first time that `first_seen` and `last_seen` do not take: the year 10000.
const END: Timestamp = Timestamp(253_402_300_800 * 1_000_000);

/// The date of a time, as `2026-11-29`.
pub(crate) fn date(at: Timestamp) -> String {
    // MISP's column for dates starts in the year 1000.
    format(at.max(Timestamp(0)), "%Y-%m-%d")
}

/// A time as MISP writes it: `2026-11-01T00:00:00.000000+00:00`.
pub(crate) fn seen(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S%.6f+00:00")
}

/// Reads a time as MISP writes it.
pub(crate) fn read_seen(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp(at.as_microsecond()))
}

/// Returns whether `first_seen` and `last_seen` can hold a time.
pub(crate) fn is_storable(at: Timestamp) -> bool {
    (Timestamp(0)..END).contains(&at)
}

/// Seconds since 1970 for MISP's columns of changes.
pub(crate) fn second(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000).clamp(0, LAST_SECOND)
}

fn format(at: Timestamp, layout: &str) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime(layout).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_misp_does() {
        let at = Timestamp(1_795_900_000_000_001);
        assert_eq!(seen(at), "2026-11-28T21:06:40.000001+00:00");
        assert_eq!(read_seen(&seen(at)), Some(at));
        assert_eq!(date(at), "2026-11-28");
        assert_eq!(second(at), 1_795_900_000);
        assert_eq!(second(Timestamp(4_000_000_000_000_000)), LAST_SECOND);
        assert!(is_storable(at) && !is_storable(Timestamp(-1)) && !is_storable(END));
    }
}

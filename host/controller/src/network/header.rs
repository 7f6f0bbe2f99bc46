//! Headers of answers.

use std::time::{Duration, SystemTime};

use reqwest::header::{AsHeaderName, HeaderMap, RETRY_AFTER};
use threatsieve_blacklist::Timestamp;

/// Longest `Retry-After` that is respected.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Returns a header's first value, if there is one and it is text.
pub(crate) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|value| value.trim().to_owned())
}

/// Returns a time from a header: see [`parse_moment`].
pub(crate) fn moment(headers: &HeaderMap, name: &'static str) -> Option<Timestamp> {
    parse_moment(&text(headers, name)?)
}

/// Parses a time: RFC 3339, as TAXII requires, or what some servers send: a time without a zone,
/// which is in UTC, an HTTP date, or a date as JavaScript prints it.
pub(crate) fn parse_moment(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(moment.as_microsecond()));
    }
    if let Ok(moment) = text.parse::<jiff::civil::DateTime>() {
        let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        return Some(Timestamp(moment.timestamp().as_microsecond()));
    }
    let printed = text.split(" (").next().unwrap_or_default();
    if let Ok(moment) = jiff::Timestamp::strptime("%a %b %d %Y %H:%M:%S GMT%z", printed) {
        return Some(Timestamp(moment.as_microsecond()));
    }
    let moment =
        httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(moment.as_micros()).ok().map(Timestamp)
}

/// Seconds until MISP's limit on searches ends. MISP does not send `Retry-After`.
const RATE_LIMIT_RESET: &str = "x-rate-limit-reset";

/// Returns the wait until a limit on requests ends, as MISP says it with the status 429.
pub(crate) fn rate_limit_reset(headers: &HeaderMap) -> Option<Duration> {
    let seconds = text(headers, RATE_LIMIT_RESET)?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// Returns the wait that a server asks for, as seconds or as a time (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, RETRY_AFTER)?;
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(&text)
            .ok()?
            .duration_since(SystemTime::now())
            .unwrap_or_default(),
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn moments_are_read_as_servers_write_them() {
        for (text, want) in [
            ("2026-01-02T03:04:05.123456Z", Some(1_767_323_045_123_456)),
            ("2026-01-02T03:04:05Z", Some(1_767_323_045_000_000)),
            ("2026-01-02T05:04:05+02:00", Some(1_767_323_045_000_000)),
            ("Fri, 02 Jan 2026 03:04:05 GMT", Some(1_767_323_045_000_000)),
            ("2026-01-02T03:04:05.5", Some(1_767_323_045_500_000)),
            ("2026-01-02 03:04:05", Some(1_767_323_045_000_000)),
            (
                "Fri Jan 02 2026 05:04:05 GMT+0200 (Eastern European Standard Time)",
                Some(1_767_323_045_000_000),
            ),
            ("yesterday", None),
            ("", None),
        ] {
            let found =
                moment(&headers("x-taxii-date-added-last", text), "x-taxii-date-added-last");
            assert_eq!(found.map(|moment| moment.0), want, "{text}");
        }
    }

    #[test]
    fn waits_are_seconds_or_a_moment_and_bounded() {
        let wait = |text: &str| retry_after(&headers("retry-after", text));
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(wait("Fri, 02 Jan 2026 03:04:05 GMT"), Some(Duration::ZERO), "it is over");
        let soon = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!((90..=100).contains(&wait(&soon).unwrap().as_secs()));
        let misp = rate_limit_reset(&headers("x-rate-limit-reset", "899"));
        assert_eq!(misp, Some(Duration::from_secs(899)));
        assert_eq!(wait("-1"), None);
        assert_eq!(wait("soon"), None);
    }
}

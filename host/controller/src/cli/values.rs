//! Parsers of arguments: times and TLP levels.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use threatsieve_blacklist::{Timestamp, Tlp};

/// A time given on the command line: RFC 3339, a date or date and time in UTC, or `now`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At(pub(crate) Timestamp);

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<At, String> {
        let at = match text {
            "now" => Some(Timestamp(jiff::Timestamp::now().as_microsecond())),
            _ => crate::text::parse_time(text),
        };
        at.map(At).ok_or_else(|| {
            "expected RFC 3339 (2026-01-31T23:59:59Z), a date or date and time in UTC \
             (2026-01-31, 2026-01-31T23:59:59), or `now`"
                .to_owned()
        })
    }
}

/// Parses a TLP level by its name, in upper or lower case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TlpParser;

impl TypedValueParser for TlpParser {
    type Value = Tlp;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Tlp, clap::Error> {
        let level = value
            .to_str()
            .map(|name| name.strip_prefix("TLP:").unwrap_or(name))
            .and_then(Tlp::from_name);
        level.ok_or_else(|| {
            let argument = argument.map_or_else(String::new, ToString::to_string);
            let message = format!(
                "invalid value '{}' for '{argument}': expected one of {}\n",
                value.display(),
                Tlp::ALL.map(Tlp::name).join(", ")
            );
            command.clone().error(ErrorKind::InvalidValue, message)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Tlp::ALL.into_iter().map(|level| PossibleValue::new(level.name()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_utc() {
        let at = |text: &str| text.parse::<At>().map(|at| at.0.0);
        assert_eq!(at("1970-01-02"), Ok(86_400_000_000));
        assert_eq!(at("1970-01-01T00:00:01"), Ok(1_000_000));
        assert_eq!(at("1970-01-01T02:00:01.5+02:00"), Ok(1_500_000));
        assert!(at("now").is_ok());
        assert!(at("yesterday").is_err());
    }
}

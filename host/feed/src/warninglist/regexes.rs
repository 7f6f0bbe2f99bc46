//! Regular expressions in the notation of PHP (`/.../i`), searched for all at once and in linear
//! time.

use regex::{RegexBuilder, RegexSet, RegexSetBuilder};

use super::{RejectedEntry, WarninglistError};

/// The largest expression when compiled, in bytes.
const MAX_ONE_BYTES: usize = 256 * 1024;
/// The largest size of all expressions of a list when compiled, in bytes.
const MAX_ALL_BYTES: usize = 16 * 1024 * 1024;
/// The most groups within each other.
const MAX_NESTING: u32 = 50;

#[derive(Debug)]
pub(super) struct Regexes {
    set: RegexSet,
    /// The entries as listed.
    listed: Vec<String>,
}

impl Regexes {
    pub(super) fn new(
        listed: Vec<String>,
        rejected: &mut dyn FnMut(RejectedEntry),
    ) -> Result<Regexes, WarninglistError> {
        let (mut patterns, mut used) = (Vec::new(), Vec::new());
        for entry in listed {
            match accepted(&entry) {
                Ok(pattern) => {
                    patterns.push(pattern);
                    used.push(entry);
                }
                Err(reason) => rejected(RejectedEntry::new(&entry, reason)),
            }
        }
        let set = RegexSetBuilder::new(&patterns)
            .size_limit(MAX_ALL_BYTES)
            .dfa_size_limit(MAX_ALL_BYTES)
            .nest_limit(MAX_NESTING + 1)
            .build()
            .map_err(|_| WarninglistError::TooLarge { limit: MAX_ALL_BYTES })?;
        Ok(Regexes { set, listed: used })
    }

    /// Returns the first entry that matches.
    pub(super) fn first(&self, text: &str) -> Option<&str> {
        let first = self.set.matches(text).into_iter().next()?;
        self.listed.get(first).map(String::as_str)
    }
}

/// Returns an entry as a pattern with its flags inside, if it can be used.
fn accepted(entry: &str) -> Result<String, String> {
    let pattern = with_flags(entry)?;
    let regex = RegexBuilder::new(&pattern)
        .size_limit(MAX_ONE_BYTES)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|error| {
            let last = error.to_string();
            let last = last.lines().last().unwrap_or_default().trim().to_owned();
            format!("expected a regular expression that can be used, got one with a fault: {last}")
        })?;
    match regex.is_match("") {
        true => Err("expected a regular expression that some texts lack, got one that matches \
                     the empty text"
            .to_owned()),
        false => Ok(pattern),
    }
}

/// Reads `/pattern/flags`. A text that does not start with `/` is a pattern without flags.
fn with_flags(entry: &str) -> Result<String, String> {
    let Some(rest) = entry.trim().strip_prefix('/') else { return Ok(entry.trim().to_owned()) };
    let Some((pattern, flags)) = rest.rsplit_once('/') else {
        return Err("expected `/` at the end of the regular expression, got none".to_owned());
    };
    let mut inside = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 'm' | 's' | 'x' => inside.push(flag),
            // `g` finds all places, and `u` means UTF-8.
            'g' | 'u' => {}
            other => return Err(format!("expected the flags i, m, s, x, g and u, got {other:?}")),
        }
    }
    // In PHP's notation the delimiter is escaped.
    let pattern = pattern.replace("\\/", "/");
    Ok(if inside.is_empty() { pattern } else { format!("(?{inside}){pattern}") })
}

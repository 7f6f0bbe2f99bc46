//! Filter lists of ad blockers: the syntax that AdGuard and uBlock Origin share.
//!
//! Only a rule that blocks a whole host counts. A rule with a path or with conditions often names a
//! good host.

use threatsieve_blacklist::DomainMode;

use super::super::{Sink, plain};
use super::{CONDITIONAL, take, value};

/// Modifiers that do not limit a rule.
const WHOLE: [&str; 6] = ["important", "all", "document", "doc", "popup", "network"];

pub(super) fn read(line: &str, number: u32, sink: &mut Sink<'_>) {
    if line.starts_with('[') && line.ends_with(']') {
        return;
    }
    if let Some(names) = plain::hosts_names(line) {
        return plain::read_names(names.split(" #").next().unwrap_or(names), number, sink);
    }
    if ["##", "#@#", "#?#", "#$#", "#%#", "$$", "$@$"].iter().any(|mark| line.contains(mark)) {
        return sink.skip("a rule that hides parts of a page");
    }
    let (rule, is_exception) = match line.strip_prefix("@@") {
        Some(rule) => (rule, true),
        None => (line, false),
    };
    if rule.starts_with('/') {
        return sink.skip("a regular expression");
    }
    let (pattern, modifiers) = rule.split_once('$').unwrap_or((rule, ""));
    let is_whole = modifiers
        .split(',')
        .all(|modifier| modifier.is_empty() || WHOLE.contains(&modifier.trim()));
    if !is_whole {
        return sink.skip(CONDITIONAL);
    }
    let (pattern, mode) = match pattern.strip_prefix("||") {
        Some(pattern) => (pattern, DomainMode::Tree),
        None => (pattern, DomainMode::Exact),
    };
    let pattern = pattern.trim_end_matches('|');
    let pattern = pattern.strip_suffix('^').unwrap_or(pattern);
    let (name, mode) = match pattern.strip_prefix("*.") {
        Some(name) => (name, DomainMode::Below),
        None => (pattern, mode),
    };
    if name.contains(['*', '^', '|', '/', '?', '&', '=']) {
        return sink.skip("a rule for parts of URLs");
    }
    match (is_exception, value(name, mode)) {
        (true, Ok(value)) => sink.except(value),
        (true, Err(error)) => sink.reject(number, line, error),
        (false, _) => take(name, mode, number, sink),
    }
}

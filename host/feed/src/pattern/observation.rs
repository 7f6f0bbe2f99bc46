//! Observation expressions: `[...]`, `AND`, `OR`, `FOLLOWEDBY` and the qualifiers.

use threatsieve_blacklist::Timestamp;

use super::Grammar;
use super::comparison;
use super::cursor::Cursor;
use super::error::PatternError;
use super::literal;
use super::token::{Keyword, Kind};
use super::tree::{Observation, ObservationKind, Qualifier, Span};

/// Parses a whole pattern. `FOLLOWEDBY` binds weakest, then `OR`, then `AND`.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Observation, PatternError> {
    cursor.row(Keyword::FollowedBy, joined(ObservationKind::FollowedBy), |cursor| {
        cursor.row(Keyword::Or, joined(ObservationKind::Or), |cursor| {
            cursor.row(Keyword::And, joined(ObservationKind::And), qualified)
        })
    })
}

fn joined(
    kind: fn(Vec<Observation>) -> ObservationKind,
) -> impl FnOnce(Span, Vec<Observation>) -> Observation {
    move |span, operands| Observation { span, kind: kind(operands) }
}

fn qualified(cursor: &mut Cursor<'_>) -> Result<Observation, PatternError> {
    let start = cursor.at();
    let one = cursor.kind() == Kind::OpenBracket;
    let of = primary(cursor)?;
    let mut qualifiers: Vec<Qualifier> = Vec::new();
    loop {
        let at = cursor.at();
        let Some(qualifier) = qualifier(cursor)? else { break };
        let twice =
            |other: &Qualifier| std::mem::discriminant(other) == std::mem::discriminant(&qualifier);
        // STIX 2.0 has no such rule. Both versions allow it around parentheses.
        if one && cursor.grammar == Grammar::V21 && qualifiers.iter().any(twice) {
            let got = &cursor.text[cursor.span_from(at)];
            return Err(PatternError::meaning(at, "at most one qualifier of each kind", got));
        }
        qualifiers.push(qualifier);
    }
    if qualifiers.is_empty() {
        return Ok(of);
    }
    Ok(Observation {
        span: cursor.span_from(start),
        kind: ObservationKind::Qualified(Box::new(of), qualifiers),
    })
}

fn primary(cursor: &mut Cursor<'_>) -> Result<Observation, PatternError> {
    let start = cursor.at();
    let mut observation = match cursor.kind() {
        Kind::OpenBracket => {
            cursor.take()?;
            let comparison = comparison::expression(cursor)?;
            cursor.expect(Kind::CloseBracket, "`]`, `AND` or `OR`")?;
            Observation { span: start..start, kind: ObservationKind::One(comparison) }
        }
        Kind::Open => {
            cursor.open()?;
            let inner = expression(cursor)?;
            cursor.close("`)`, `AND`, `OR`, `FOLLOWEDBY` or a qualifier")?;
            inner
        }
        _ => return Err(cursor.unexpected("`[` or `(`")),
    };
    observation.span = cursor.span_from(start);
    Ok(observation)
}

fn qualifier(cursor: &mut Cursor<'_>) -> Result<Option<Qualifier>, PatternError> {
    let qualifier = if cursor.accept_keyword(Keyword::Within)? {
        let seconds = within(cursor)?;
        cursor.expect(Kind::Keyword(Keyword::Seconds), "`SECONDS`")?;
        seconds
    } else if cursor.accept_keyword(Keyword::Repeats)? {
        let times = repeats(cursor)?;
        cursor.expect(Kind::Keyword(Keyword::Times), "`TIMES`")?;
        times
    } else if cursor.kind() == Kind::Keyword(Keyword::Start) {
        start_stop(cursor)?
    } else {
        return Ok(None);
    };
    cursor.count()?;
    Ok(Some(qualifier))
}

fn within(cursor: &mut Cursor<'_>) -> Result<Qualifier, PatternError> {
    let at = cursor.at();
    let text = positive(cursor, &[Kind::Integer, Kind::Float], "a positive number of seconds")?;
    match text.parse() {
        Ok(seconds) if seconds > 0.0 => Ok(Qualifier::Within(seconds)),
        _ => Err(PatternError::meaning(at, "more than 0 seconds", text)),
    }
}

fn repeats(cursor: &mut Cursor<'_>) -> Result<Qualifier, PatternError> {
    let at = cursor.at();
    let text = positive(cursor, &[Kind::Integer], "a positive whole number of times")?;
    match text.parse() {
        Ok(times) if times > 0 => Ok(Qualifier::Repeats(times)),
        _ => Err(PatternError::meaning(at, "at least 1 time, in 64 bits", text)),
    }
}

/// Parses a number without a minus sign, as the grammar requires here.
fn positive<'a>(
    cursor: &mut Cursor<'a>,
    kinds: &[Kind],
    expected: &'static str,
) -> Result<&'a str, PatternError> {
    let negative = cursor.text[cursor.at()..].starts_with('-');
    if negative || !kinds.contains(&cursor.kind()) {
        return Err(cursor.unexpected(expected));
    }
    let token = cursor.take()?;
    Ok(&cursor.text[token.span])
}

fn start_stop(cursor: &mut Cursor<'_>) -> Result<Qualifier, PatternError> {
    cursor.take()?;
    let start = timestamp(cursor)?;
    cursor.expect(Kind::Keyword(Keyword::Stop), "`STOP`")?;
    let at = cursor.at();
    let stop = timestamp(cursor)?;
    if start >= stop {
        let got = &cursor.text[cursor.span_from(at)];
        return Err(PatternError::meaning(at, "a STOP later than START", got));
    }
    Ok(Qualifier::StartStop(start, stop))
}

fn timestamp(cursor: &mut Cursor<'_>) -> Result<Timestamp, PatternError> {
    const EXPECTED: &str = "a time in UTC: t'2016-06-01T01:30:00.123Z'";
    let at = cursor.at();
    let token = match cursor.kind() {
        Kind::Time => &cursor.text[cursor.take()?.span][1..],
        // The first drafts of 2.0 had the text form, and publishers kept it.
        Kind::Text if cursor.grammar == Grammar::V20 => &cursor.text[cursor.take()?.span],
        _ => return Err(cursor.unexpected(EXPECTED)),
    };
    let text = &token[1..token.len() - 1];
    literal::timestamp(text).ok_or_else(|| PatternError::meaning(at, EXPECTED, text))
}

//! Literals.

use threatsieve_blacklist::Timestamp;

use super::cursor::Cursor;
use super::error::PatternError;
use super::token::{Keyword, Kind, is_time};
use super::tree::Literal;

/// Parses one literal. Booleans are only allowed if `boolean` is true: they have no order.
pub(super) fn literal(cursor: &mut Cursor<'_>, boolean: bool) -> Result<Literal, PatternError> {
    let kind = cursor.kind();
    let allowed = match kind {
        Kind::Text | Kind::Integer | Kind::Float | Kind::Hex | Kind::Binary | Kind::Time => true,
        Kind::Keyword(Keyword::True | Keyword::False) => boolean,
        _ => false,
    };
    if !allowed {
        return Err(
            cursor.unexpected("a literal: '..', a number, true, false, h'..', b'..' or t'..'")
        );
    }
    let token = cursor.take()?;
    let at = token.span.start;
    let text = &cursor.text[token.span];
    let inner = || &text[2..text.len() - 1];
    Ok(match kind {
        Kind::Integer => Literal::Integer(integer(at, text)?),
        Kind::Float => Literal::Float(float(at, text)?),
        Kind::Hex => Literal::Bytes(hex(inner())),
        Kind::Binary => Literal::Bytes(base64(inner())),
        Kind::Time => Literal::Time(inner().to_owned()),
        Kind::Keyword(word) => Literal::Bool(word == Keyword::True),
        _ => Literal::Text(unquote(text)),
    })
}

pub(super) fn integer(at: usize, text: &str) -> Result<i64, PatternError> {
    text.parse().map_err(|_| PatternError::meaning(at, "a whole number of 64 bits", text))
}

fn float(at: usize, text: &str) -> Result<f64, PatternError> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(PatternError::meaning(at, "a number in the range of 64-bit floats", text)),
    }
}

/// Returns the content of a quoted text. The lexer has checked its escapes.
pub(super) fn unquote(quoted: &str) -> String {
    let inner = &quoted[1..quoted.len() - 1];
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).unwrap_or(0) as u8;
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for digit in text.bytes().filter_map(base64_digit) {
        bits = bits << 6 | digit;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

fn base64_digit(byte: u8) -> Option<u32> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(digit))
}

/// Returns the time of a timestamp literal, if the calendar has it.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    is_time(text).then(|| crate::time::rfc3339(text)).flatten()
}

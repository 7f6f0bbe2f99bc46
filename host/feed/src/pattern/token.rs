//! The tokens of a pattern, as in the ANTLR grammar of STIX patterning: the longest match wins.

use super::error::PatternError;
use super::tree::Span;

/// A keyword of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    And,
    Or,
    Not,
    FollowedBy,
    Like,
    Matches,
    IsSuperset,
    IsSubset,
    Exists,
    In,
    Start,
    Stop,
    Seconds,
    Within,
    Repeats,
    Times,
    True,
    False,
    /// Reserved: the grammar defines it and never uses it.
    Last,
}

/// The kind of a token. Its span gives the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Keyword(Keyword),
    /// A name that may be an object type or a property.
    Name,
    /// A name with a hyphen, which can only be an object type.
    HyphenName,
    Text,
    Integer,
    Float,
    Hex,
    Binary,
    Time,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Colon,
    Dot,
    Comma,
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Star,
    End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

fn keyword(word: &str) -> Option<Keyword> {
    Some(match word {
        "AND" => Keyword::And,
        "OR" => Keyword::Or,
        "NOT" => Keyword::Not,
        "FOLLOWEDBY" => Keyword::FollowedBy,
        "LIKE" => Keyword::Like,
        "MATCHES" => Keyword::Matches,
        "ISSUPERSET" => Keyword::IsSuperset,
        "ISSUBSET" => Keyword::IsSubset,
        "EXISTS" => Keyword::Exists,
        "LAST" => Keyword::Last,
        "IN" => Keyword::In,
        "START" => Keyword::Start,
        "STOP" => Keyword::Stop,
        "SECONDS" => Keyword::Seconds,
        "true" => Keyword::True,
        "false" => Keyword::False,
        "WITHIN" => Keyword::Within,
        "REPEATS" => Keyword::Repeats,
        "TIMES" => Keyword::Times,
        _ => return None,
    })
}

/// Returns whether a character is Unicode white space.
fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// Splits a pattern into tokens.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// False for STIX 2.0, where `EXISTS` is an ordinary name.
    exists: bool,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, exists: bool) -> Lexer<'a> {
        Lexer { text, at: 0, exists }
    }

    pub(super) fn next(&mut self) -> Result<Token, PatternError> {
        self.skip();
        let start = self.at;
        let rest = &self.text[start..];
        let Some(first) = rest.chars().next() else {
            return Ok(Token { kind: Kind::End, span: start..start });
        };
        let (kind, length) = match first {
            'A'..='Z' | 'a'..='z' | '_' => self.word(rest)?,
            '\'' => (Kind::Text, self.quoted(rest)?),
            '0'..='9' | '+' | '-' | '.' => number(rest).ok_or_else(|| unexpected(start, rest))?,
            _ => sign(rest).ok_or_else(|| unexpected(start, rest))?,
        };
        self.at = start + length;
        Ok(Token { kind, span: start..self.at })
    }

    /// Skips white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start_matches(is_space);
            let mut skipped = rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                skipped += trimmed.find(['\r', '\n']).unwrap_or(trimmed.len());
            } else if let Some(comment) = trimmed.strip_prefix("/*")
                && let Some(end) = comment.find("*/")
            {
                skipped += end + 4;
            }
            if skipped == 0 {
                return;
            }
            self.at += skipped;
        }
    }

    /// Reads a name, a keyword, or a literal with a letter in front.
    fn word(&self, rest: &str) -> Result<(Kind, usize), PatternError> {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        if behind.starts_with('\'')
            && let Some((kind, expected, fits)) = literal_kind(word)
        {
            // The grammar would read a name and a text here, and allows that sequence nowhere.
            let length =
                self.quoted(behind).map_err(|_| PatternError::syntax(self.at, expected, rest))?;
            let content = &behind[1..length - 1];
            if !fits(content) {
                return Err(PatternError::syntax(self.at, expected, &rest[..1 + length]));
            }
            return Ok((kind, 1 + length));
        }
        let kind = match keyword(word) {
            Some(Keyword::Exists) if !self.exists => Kind::Name,
            Some(keyword) => Kind::Keyword(keyword),
            None if word.contains('-') => Kind::HyphenName,
            None => Kind::Name,
        };
        Ok((kind, word.len()))
    }

    /// The length of the quoted text at the start of `rest`, including its quotes.
    fn quoted(&self, rest: &str) -> Result<usize, PatternError> {
        let start = self.text.len() - rest.len();
        let bytes = rest.as_bytes();
        let mut at = 1;
        loop {
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'\''), _) => return Ok(at + 1),
                (Some(b'\\'), Some(b'\'' | b'\\')) => at += 2,
                (Some(b'\\'), _) => {
                    let got = &rest[at..];
                    return Err(PatternError::syntax(
                        start + at,
                        r"\' or \\ (the only escapes in a text)",
                        got,
                    ));
                }
                (Some(_), _) => at += 1,
                (None, _) => return Err(PatternError::syntax(start, "a closing quote", rest)),
            }
        }
    }
}

fn unexpected(at: usize, rest: &str) -> PatternError {
    let end = rest.chars().next().map_or(0, char::len_utf8);
    PatternError::syntax(at, "a name, a literal, an operator or a bracket", &rest[..end])
}

type Fits = fn(&str) -> bool;

fn literal_kind(prefix: &str) -> Option<(Kind, &'static str, Fits)> {
    Some(match prefix {
        "h" => (Kind::Hex, "an even number of hexadecimal digits: h'ffd8'", is_hex),
        "b" => (Kind::Binary, "padded Base64: b'dGVzdA=='", is_base64),
        "t" => (Kind::Time, "a time in UTC: t'2016-06-01T01:30:00.123Z'", is_time),
        _ => return None,
    })
}

fn is_hex(text: &str) -> bool {
    text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_base64(text: &str) -> bool {
    let padding = text.len() - text.trim_end_matches('=').len();
    let digits = &text[..text.len() - padding];
    !digits.is_empty()
        && padding <= 2
        && text.len().is_multiple_of(4)
        && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// Returns whether the text has the form of a timestamp literal. Days and months are only checked
/// one by one.
pub(super) fn is_time(text: &str) -> bool {
    let form = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let (Some(head), Some(tail)) = (bytes.get(..form.len()), bytes.get(form.len()..)) else {
        return false;
    };
    let shaped =
        head.iter().zip(form).all(|(&b, &f)| if f == b'0' { b.is_ascii_digit() } else { b == f });
    let two = |at: usize| u32::from(head[at]) * 10 + u32::from(head[at + 1]) - u32::from(b'0') * 11;
    let fraction = match tail {
        [b'Z'] => true,
        [b'.', digits @ .., b'Z'] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    shaped
        && fraction
        && (1..=12).contains(&two(5))
        && (1..=31).contains(&two(8))
        && two(11) <= 23
        && two(14) <= 59
        && two(17) <= 60
}

/// Reads a number or the dot of a path. In the grammar a leading zero is a number of its own: `007`
/// is three.
fn number(rest: &str) -> Option<(Kind, usize)> {
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let signed = usize::from(rest.starts_with(['+', '-']));
    let whole = digits(&rest[signed..]);
    let behind = &rest[signed + whole..];
    let fraction = behind.strip_prefix('.').map_or(0, digits);
    if fraction > 0 {
        return Some((Kind::Float, signed + whole + 1 + fraction));
    }
    match (signed, whole) {
        (_, 1..) if rest[signed..].starts_with('0') => Some((Kind::Integer, signed + 1)),
        (_, 1..) => Some((Kind::Integer, signed + whole)),
        (0, 0) => Some((Kind::Dot, 1)),
        _ => None,
    }
}

fn sign(rest: &str) -> Option<(Kind, usize)> {
    const SIGNS: [(&str, Kind); 15] = [
        ("==", Kind::Equal),
        ("=", Kind::Equal),
        ("!=", Kind::NotEqual),
        ("<>", Kind::NotEqual),
        ("<=", Kind::LessOrEqual),
        ("<", Kind::Less),
        (">=", Kind::GreaterOrEqual),
        (">", Kind::Greater),
        (":", Kind::Colon),
        (",", Kind::Comma),
        ("(", Kind::Open),
        (")", Kind::Close),
        ("[", Kind::OpenBracket),
        ("]", Kind::CloseBracket),
        ("*", Kind::Star),
    ];
    SIGNS.iter().find(|(text, _)| rest.starts_with(text)).map(|&(text, kind)| (kind, text.len()))
}

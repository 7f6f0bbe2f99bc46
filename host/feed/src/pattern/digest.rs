//! Digests in patterns: the algorithm that a path names, and the form of its values.

use super::error::PatternError;
use super::tree::{
    Comparison, ComparisonKind, Literal, Observation, ObservationKind, Path, Predicate, Span, Step,
    Test,
};

/// The hash algorithms of STIX 2.0 and 2.1 with a form that can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashKind {
    /// RFC 1321.
    Md5,
    /// FIPS 180-4.
    Sha1,
    /// FIPS 180-4.
    Sha256,
    /// Another algorithm with this many hexadecimal digits. Logs are not searched for its values.
    Digits(usize),
    /// ssdeep: context-triggered piecewise hashes.
    Ssdeep,
}

impl HashKind {
    /// Returns the algorithm with this name, in any case, with or without hyphens and underscores:
    /// `SHA-256`, `sha256`, `SHA_256`.
    pub fn from_name(name: &str) -> Option<HashKind> {
        let plain = name.to_ascii_uppercase().replace(['-', '_'], "");
        Some(match plain.as_str() {
            "MD5" => HashKind::Md5,
            "SHA1" => HashKind::Sha1,
            "SHA256" => HashKind::Sha256,
            "RIPEMD160" => HashKind::Digits(40),
            "SHA224" | "SHA3224" => HashKind::Digits(56),
            "SHA3256" => HashKind::Digits(64),
            "SHA384" | "SHA3384" => HashKind::Digits(96),
            "SHA512" | "SHA3512" | "WHIRLPOOL" => HashKind::Digits(128),
            "SSDEEP" => HashKind::Ssdeep,
            _ => return None,
        })
    }

    /// The number of hexadecimal digits of its values.
    pub fn digits(self) -> Option<usize> {
        match self {
            HashKind::Md5 => Some(32),
            HashKind::Sha1 => Some(40),
            HashKind::Sha256 => Some(64),
            HashKind::Digits(digits) => Some(digits),
            HashKind::Ssdeep => None,
        }
    }

    /// Returns whether the text has the form of its values.
    pub fn fits(self, text: &str) -> bool {
        match self.digits() {
            Some(digits) => text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()),
            None => {
                (1..=128).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/+:.".contains(&b))
            }
        }
    }

    /// The algorithm that a path into a `hashes` dictionary names.
    fn of_path(path: &Path) -> Option<HashKind> {
        match path.steps.as_slice() {
            [.., Step::Key(hashes), Step::Key(name)] if hashes == "hashes" => {
                HashKind::from_name(name)
            }
            _ => None,
        }
    }
}

pub(super) fn check(observation: &Observation) -> Result<(), PatternError> {
    match &observation.kind {
        ObservationKind::One(comparison) => check_comparison(comparison),
        ObservationKind::Qualified(of, _) => check(of),
        ObservationKind::And(all) | ObservationKind::Or(all) | ObservationKind::FollowedBy(all) => {
            all.iter().try_for_each(check)
        }
    }
}

fn check_comparison(comparison: &Comparison) -> Result<(), PatternError> {
    match &comparison.kind {
        ComparisonKind::Test(test) => check_test(test, &comparison.span),
        ComparisonKind::And(all) | ComparisonKind::Or(all) => {
            all.iter().try_for_each(check_comparison)
        }
    }
}

/// Checks a comparison. Only values that are compared for equality must be whole digests.
fn check_test(test: &Test, span: &Span) -> Result<(), PatternError> {
    let Some(kind) = HashKind::of_path(&test.path) else { return Ok(()) };
    let literals = match &test.predicate {
        Predicate::Equal(literal) | Predicate::NotEqual(literal) => std::slice::from_ref(literal),
        Predicate::In(literals) => literals,
        _ => return Ok(()),
    };
    let fits = |literal: &Literal| matches!(literal, Literal::Text(text) if kind.fits(text));
    match literals.iter().find(|literal| !fits(literal)) {
        Some(literal) => {
            let expected = "a digest of the length its algorithm has, in hexadecimal digits";
            Err(PatternError::meaning(span.start, expected, &literal.to_string()))
        }
        None => Ok(()),
    }
}

//! A property of MISP's JSON. Versions of MISP, and programs that write its format, disagree about
//! the types: `"timestamp": "1777600000"` and `1777600000`, `"to_ids": true`, `1` and `"1"`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use threatsieve_blacklist::Timestamp;

/// A text, a number or a truth value, as text; empty for anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scalar(String);

impl Scalar {
    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns whether it says yes. Anything but yes is no.
    pub fn is_true(&self) -> bool {
        matches!(&*self.0, "1" | "true" | "True")
    }

    /// Reads seconds since 1970. Zero means none.
    pub fn seconds(&self) -> Option<Timestamp> {
        let seconds: i64 = self.0.trim().parse().ok()?;
        (seconds > 0).then(|| Timestamp(seconds.saturating_mul(1_000_000)))
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Scalar {
        Scalar(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Scalar, E> {
        Ok(Scalar(text))
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Scalar, E> {
        Ok(Scalar(is_true.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar(number.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut properties: A) -> Result<Scalar, A::Error> {
        while properties.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::default())
    }
}

//! Compact encoding of an indicator's statement in the state: quick to read, and equal statements
//! have equal bytes.
//!
//! Layout: the normaliser's version (2 bytes), confidence (1), TLP (1), name, types, parts.
//!
//! - A text is its length plus one as a varint (0 for none), followed by its bytes. For a value's
//!   text 0 means "the indicator's id".
//! - A list is its length, followed by its items.
//! - A part starts with a byte of bits: 1 valid from, 2 valid until, 4 port, 8 the port must match.
//!   The given times (8 bytes each), the port (2) and the list of values follow.
//! - A value is a tag, followed by its contents.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, bail, ensure};
use threatsieve_blacklist::value::MAX_PARTS;
use threatsieve_blacklist::{
    AddressRange, Conjunction, ConjunctionPart, DomainMode, FileHash, Indicator, IndicatorId,
    NORMALISER, Port, Timestamp, Tlp, UrlMode, Value,
};

/// The byte for an unknown confidence or TLP.
const NONE: u8 = u8::MAX;

/// The statement of an indicator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) confidence: Option<u8>,
    pub(crate) tlp: Option<Tlp>,
    pub(crate) name: Option<String>,
    pub(crate) types: Vec<String>,
    pub(crate) parts: Vec<Part>,
}

/// Values with the same validity period and port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) port: Option<Port>,
    pub(crate) values: Vec<Value>,
}

impl Part {
    /// Returns whether it has ended, so that no event at `at` or later can match it.
    pub(crate) fn is_over(&self, at: Timestamp) -> bool {
        self.valid_until.is_some_and(|until| until <= at)
    }

    /// Returns whether it matches every event that another part with the same values matches.
    fn covers(&self, other: &Part) -> bool {
        let from =
            self.valid_from.is_none_or(|from| other.valid_from.is_some_and(|other| from <= other));
        let until = self
            .valid_until
            .is_none_or(|until| other.valid_until.is_some_and(|other| other <= until));
        let is_matched = |part: &Part| part.port.filter(|port| port.is_matched);
        from && until && (is_matched(self).is_none() || self.port == other.port)
    }
}

impl Statement {
    /// Takes the statement out of an indicator, without its id and version.
    pub(crate) fn of(indicator: Indicator) -> Statement {
        let Indicator {
            confidence, tlp, valid_from, valid_until, port, name, types, values, ..
        } = indicator;
        let part = Part { valid_from, valid_until, port, values };
        Statement { confidence, tlp, name, types, parts: vec![part] }
    }

    /// Adds another statement about the same version of the same indicator.
    pub(crate) fn merge(&mut self, other: Statement) {
        self.confidence = self.confidence.max(other.confidence);
        self.tlp = self.tlp.max(other.tlp);
        self.name = self.name.take().or(other.name);
        if self.types.is_empty() {
            self.types = other.types;
        }
        for part in other.parts {
            let limits = |part: &Part| (part.valid_from, part.valid_until, part.port);
            match self.parts.iter_mut().find(|known| limits(known) == limits(&part)) {
                Some(known) => known.values.extend(part.values),
                None => self.parts.push(part),
            }
        }
        // Sorted, so that a list with reordered lines is the same list.
        for part in &mut self.parts {
            part.values.sort_unstable();
            part.values.dedup();
        }
        self.parts.sort_unstable();
    }

    /// Returns whether it has ended, so that no event at `at` or later can match it.
    pub(crate) fn is_over(&self, at: Timestamp) -> bool {
        self.parts.iter().all(|part| part.is_over(at))
    }

    /// Keeps only what `former` did not say: new values, and values that hold for a longer time
    /// now.
    pub(crate) fn retain_new(&mut self, former: &Statement) {
        for part in &mut self.parts {
            let (valid_from, valid_until) = (part.valid_from, part.valid_until);
            let window = Part { valid_from, valid_until, port: part.port, values: Vec::new() };
            part.values.retain(|value| {
                !former
                    .parts
                    .iter()
                    .any(|known| known.covers(&window) && known.values.contains(value))
            });
        }
        self.parts.retain(|part| !part.values.is_empty());
    }

    /// Passes one indicator for each part to `each`.
    pub(crate) fn indicators(
        self,
        id: &str,
        modified: Option<Timestamp>,
        mut each: impl FnMut(Indicator) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let Statement { confidence, tlp, name, types, mut parts } = self;
        let Some(last) = parts.pop() else { return Ok(()) };
        let indicator = |part: Part, name, types| Indicator {
            id: IndicatorId::Stix(id.to_owned()),
            confidence,
            tlp,
            valid_from: part.valid_from,
            valid_until: part.valid_until,
            modified,
            name,
            types,
            threats: Vec::new(),
            port: part.port,
            values: part.values,
        };
        for part in parts {
            each(indicator(part, name.clone(), types.clone()))?;
        }
        // Nearly all statements have only one part, for which nothing is copied.
        each(indicator(last, name, types))
    }

    /// Appends the encoded statement of the indicator with this id to `out`.
    pub(crate) fn encode(&self, id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&NORMALISER.to_le_bytes());
        out.push(self.confidence.unwrap_or(NONE));
        out.push(self.tlp.map_or(NONE, |tlp| tlp as u8));
        put_text(self.name.as_deref(), out);
        put_number(self.types.len(), out);
        self.types.iter().for_each(|one| put_text(Some(one), out));
        put_number(self.parts.len(), out);
        for part in &self.parts {
            let is_matched = part.port.is_some_and(|port| port.is_matched);
            out.push(
                u8::from(part.valid_from.is_some())
                    | u8::from(part.valid_until.is_some()) << 1
                    | u8::from(part.port.is_some()) << 2
                    | u8::from(is_matched) << 3,
            );
            for bound in [part.valid_from, part.valid_until].into_iter().flatten() {
                out.extend_from_slice(&bound.0.to_le_bytes());
            }
            if let Some(port) = part.port {
                out.extend_from_slice(&port.number.to_le_bytes());
            }
            put_number(part.values.len(), out);
            part.values.iter().for_each(|value| put_value(value, id, out));
        }
    }

    /// Reads the output of [`Statement::encode`]. Values of another version of the normaliser are
    /// normalised again. Values that are not valid any more are dropped.
    pub(crate) fn decode(id: &str, bytes: &[u8]) -> anyhow::Result<Statement> {
        read(id, bytes)
            .with_context(|| format!("indicator {id:?}: its row in the state is damaged"))
    }
}

fn put_number(number: usize, out: &mut Vec<u8>) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn put_text(text: Option<&str>, out: &mut Vec<u8>) {
    put_number(text.map_or(0, |text| text.len() + 1), out);
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Tags of the kinds of values.
mod tag {
    /// First of the tags of the domain modes, in the order of their numbers.
    pub(super) const DOMAIN: u8 = 0;
    pub(super) const IPV4: u8 = 4;
    pub(super) const IPV4_RANGE: u8 = 5;
    pub(super) const IPV6: u8 = 6;
    pub(super) const IPV6_RANGE: u8 = 7;
    pub(super) const URL: u8 = 8;
    pub(super) const URL_PREFIX: u8 = 9;
    pub(super) const MD5: u8 = 10;
    pub(super) const SHA1: u8 = 11;
    pub(super) const SHA256: u8 = 12;
    pub(super) const EMAIL: u8 = 13;
    /// A conjunction: the number of its parts, and the parts. A part is a value or a file's name.
    pub(super) const ALL: u8 = 14;
    pub(super) const FILE_NAME: u8 = 15;
}

fn put_value(value: &Value, id: &str, out: &mut Vec<u8>) {
    let text = |text: &str, out: &mut Vec<u8>| put_text(Some(text).filter(|text| *text != id), out);
    match value {
        Value::Domain(name, mode) => {
            out.push(tag::DOMAIN + *mode as u8);
            text(name, out);
        }
        Value::Address(range) => put_range(range, out),
        Value::Url { key, shown, mode } => {
            out.push(if *mode == UrlMode::Exact { tag::URL } else { tag::URL_PREFIX });
            text(key, out);
            text(shown, out);
        }
        Value::Hash(hash) => {
            out.push(match hash {
                FileHash::Md5(_) => tag::MD5,
                FileHash::Sha1(_) => tag::SHA1,
                FileHash::Sha256(_) => tag::SHA256,
            });
            out.extend_from_slice(hash.bytes());
        }
        Value::Email(email) => {
            out.push(tag::EMAIL);
            text(email, out);
        }
        Value::All(conjunction) => {
            out.push(tag::ALL);
            put_number(conjunction.parts().len(), out);
            for part in conjunction.parts() {
                match part {
                    ConjunctionPart::Value(value) => put_value(value, id, out),
                    ConjunctionPart::FileName(name) => {
                        out.push(tag::FILE_NAME);
                        text(name, out);
                    }
                }
            }
        }
    }
}

fn put_range(range: &AddressRange, out: &mut Vec<u8>) {
    let is_range = range.first() != range.last();
    out.push(match range.first() {
        IpAddr::V4(_) => tag::IPV4 + u8::from(is_range),
        IpAddr::V6(_) => tag::IPV6 + u8::from(is_range),
    });
    for address in std::iter::once(range.first()).chain(is_range.then(|| range.last())) {
        match address {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
        }
    }
}

/// The bytes that are left to read.
struct Reader<'a> {
    rest: &'a [u8],
    id: &'a str,
}

fn read(id: &str, bytes: &[u8]) -> anyhow::Result<Statement> {
    let mut reader = Reader { rest: bytes, id };
    let is_current = u16::from_le_bytes(reader.array()?) == NORMALISER;
    let [confidence, tlp] = reader.array()?;
    let mut statement = Statement {
        confidence: Some(confidence).filter(|&byte| byte != NONE),
        tlp: Tlp::ALL.get(usize::from(tlp)).copied(),
        name: reader.text()?.map(str::to_owned),
        types: Vec::new(),
        parts: Vec::new(),
    };
    for _ in 0..reader.number()? {
        statement.types.push(reader.text()?.unwrap_or_default().to_owned());
    }
    for _ in 0..reader.number()? {
        statement.parts.push(reader.part()?);
    }
    if !reader.rest.is_empty() {
        bail!("expected its end, got {} more bytes", reader.rest.len());
    }
    if !is_current {
        for part in &mut statement.parts {
            part.values = part.values.iter().filter_map(normalised_again).collect();
        }
    }
    Ok(statement)
}

fn normalised_again(value: &Value) -> Option<Value> {
    match value {
        Value::Domain(name, mode) => Value::domain(name, *mode),
        Value::Address(_) | Value::Hash(_) => Ok(value.clone()),
        Value::Url { shown, mode, .. } => Value::url(shown, *mode),
        Value::Email(email) => Value::email(email),
        Value::All(conjunction) => {
            let again = |part: &ConjunctionPart| match part {
                ConjunctionPart::Value(value) => {
                    normalised_again(value).map(ConjunctionPart::Value)
                }
                name => Some(name.clone()),
            };
            let parts = conjunction.parts().iter().map(again).collect::<Option<_>>()?;
            return Conjunction::new(parts).ok().map(Value::All);
        }
    }
    .ok()
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count).context("it is cut off")?;
        self.rest = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> anyhow::Result<[u8; N]> {
        Ok(self.bytes(N)?.try_into()?)
    }

    fn number(&mut self) -> anyhow::Result<usize> {
        let mut number = 0usize;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        bail!("a number has no end")
    }

    fn text(&mut self) -> anyhow::Result<Option<&'a str>> {
        match self.number()? {
            0 => Ok(None),
            length => Ok(Some(std::str::from_utf8(self.bytes(length - 1)?)?)),
        }
    }

    fn value_text(&mut self) -> anyhow::Result<Box<str>> {
        Ok(self.text()?.unwrap_or(self.id).into())
    }

    fn part(&mut self) -> anyhow::Result<Part> {
        let [bounds] = self.array()?;
        let mut bound = |bit: u8| {
            let is_there = bounds & bit != 0;
            is_there
                .then(|| self.array().map(|bytes| Timestamp(i64::from_le_bytes(bytes))))
                .transpose()
        };
        let (valid_from, valid_until) = (bound(1)?, bound(2)?);
        let port = match bounds & 4 {
            0 => None,
            _ => Some(Port {
                number: u16::from_le_bytes(self.array()?),
                is_matched: bounds & 8 != 0,
            }),
        };
        let count = self.number()?;
        // Each value takes at least two bytes. So the capacity cannot exceed what the row can
        // contain.
        let mut values = Vec::with_capacity(count.min(self.rest.len() / 2));
        for _ in 0..count {
            values.push(self.value()?);
        }
        Ok(Part { valid_from, valid_until, port, values })
    }

    fn value(&mut self) -> anyhow::Result<Value> {
        let [tag] = self.array()?;
        let domain = |mode, reader: &mut Self| Ok(Value::Domain(reader.value_text()?, mode));
        match tag {
            0 => domain(DomainMode::AtAndBelow, self),
            1 => domain(DomainMode::Exact, self),
            2 => domain(DomainMode::Below, self),
            3 => domain(DomainMode::Tree, self),
            tag::IPV4 | tag::IPV4_RANGE => {
                let first: IpAddr = Ipv4Addr::from(self.array::<4>()?).into();
                let last = if tag == tag::IPV4 {
                    first
                } else {
                    Ipv4Addr::from(self.array::<4>()?).into()
                };
                range(first, last)
            }
            tag::IPV6 | tag::IPV6_RANGE => {
                let first: IpAddr = Ipv6Addr::from(self.array::<16>()?).into();
                let last = if tag == tag::IPV6 {
                    first
                } else {
                    Ipv6Addr::from(self.array::<16>()?).into()
                };
                range(first, last)
            }
            tag::URL | tag::URL_PREFIX => Ok(Value::Url {
                key: self.value_text()?,
                shown: self.value_text()?,
                mode: if tag == tag::URL { UrlMode::Exact } else { UrlMode::Prefix },
            }),
            tag::MD5 => Ok(Value::Hash(FileHash::Md5(self.array()?))),
            tag::SHA1 => Ok(Value::Hash(FileHash::Sha1(self.array()?))),
            tag::SHA256 => Ok(Value::Hash(FileHash::Sha256(self.array()?))),
            tag::EMAIL => Ok(Value::Email(self.value_text()?)),
            tag::ALL => self.conjunction(),
            tag => bail!("expected a value's tag of 0 to 14, got {tag}"),
        }
    }
}

impl Reader<'_> {
    fn conjunction(&mut self) -> anyhow::Result<Value> {
        let count = self.number()?;
        ensure!(count <= MAX_PARTS, "expected at most {MAX_PARTS} parts, got {count}");
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            parts.push(match self.rest.first() {
                Some(&tag::FILE_NAME) => {
                    self.bytes(1)?;
                    ConjunctionPart::FileName(self.value_text()?)
                }
                // A conjunction in a conjunction would be read without end.
                Some(&tag::ALL) => bail!("expected a value as a part, got a conjunction"),
                _ => ConjunctionPart::Value(self.value()?),
            });
        }
        Ok(Value::All(Conjunction::new(parts)?))
    }
}

fn range(first: IpAddr, last: IpAddr) -> anyhow::Result<Value> {
    AddressRange::new(first, last)
        .map(Value::Address)
        .context("an address range ends before it starts")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_value() -> Vec<Value> {
        let texts = [
            "evil.example",
            "*.evil.example",
            ".evil.example",
            "1.2.3.4",
            "1.2.3.0/24",
            "1.2.3.4-1.2.3.9",
            "2001:db8::1",
            "2001:db8::/32",
            "http://evil.example/a?b=c",
            "d41d8cd98f00b204e9800998ecf8427e",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "bob@evil.example",
        ];
        let listed = texts.iter().map(|text| Value::from_list(text, UrlMode::Prefix).unwrap());
        let others = [
            Value::domain("evil.example", DomainMode::Exact).unwrap(),
            Value::url("evil.example/a", UrlMode::Prefix).unwrap(),
        ];
        let mut all: Vec<Value> = listed.chain(others).collect();
        let parts = all.iter().cloned().map(ConjunctionPart::Value);
        let named = parts.chain([ConjunctionPart::FileName("a.exe".into())]);
        all.push(Value::All(Conjunction::new(named.collect()).unwrap()));
        all
    }

    fn statement() -> Statement {
        Statement {
            confidence: Some(0),
            tlp: Some(Tlp::AmberStrict),
            name: Some(String::new()),
            types: vec!["malicious-activity".into(), String::new()],
            parts: vec![
                Part {
                    valid_from: Some(Timestamp(-1)),
                    valid_until: None,
                    port: None,
                    values: every_value(),
                },
                Part {
                    valid_from: None,
                    valid_until: Some(Timestamp(i64::MAX)),
                    port: None,
                    values: Vec::new(),
                },
                Part {
                    valid_from: None,
                    valid_until: None,
                    port: Some(Port { number: 8443, is_matched: true }),
                    values: Vec::new(),
                },
            ],
        }
    }

    #[test]
    fn statements_come_back() {
        for id in ["indicator--1", "evil.example", "http://evil.example/a?b=c"] {
            let mut bytes = Vec::new();
            statement().encode(id, &mut bytes);
            assert_eq!(Statement::decode(id, &bytes).unwrap(), statement());
            for cut in 0..bytes.len() {
                assert!(Statement::decode(id, &bytes[..cut]).is_err());
            }
            for place in 0..bytes.len() {
                bytes[place] ^= 0x55;
                let _ = Statement::decode(id, &bytes);
                bytes[place] ^= 0x55;
            }
        }
    }

    #[test]
    fn values_of_another_normaliser_are_normalised_again() {
        let mut other = statement();
        other.parts[0].values = vec![
            Value::Domain("EVIL.example".into(), DomainMode::AtAndBelow),
            Value::Domain("no name".into(), DomainMode::AtAndBelow),
        ];
        let mut bytes = Vec::new();
        other.encode("x", &mut bytes);
        bytes[..2].copy_from_slice(&(NORMALISER + 1).to_le_bytes());
        let values = Statement::decode("x", &bytes).unwrap().parts.remove(0).values;
        assert_eq!(values, [Value::domain("evil.example", DomainMode::AtAndBelow).unwrap()]);
    }
}

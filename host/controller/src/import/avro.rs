//! Reader of Avro object container files, by the specification of Avro 1.11: the two fields of a
//! record that are wanted, and any other field skipped.
//!
//! Everything has a limit: the file, the schema, the depth, a block after decompression, the number
//! of records, and the length of a string.

use std::collections::HashMap;

use anyhow::{Context, anyhow, bail, ensure};
use serde_json::Value as Json;

use crate::limited::read_limited;

const MAGIC: &[u8] = b"Obj\x01";
const SYNC_BYTES: usize = 16;

/// Largest block after decompression.
const MAX_BLOCK_BYTES: u64 = 64 * 1024 * 1024;
/// Largest number of records.
const MAX_RECORDS: usize = 1_000_000;
/// Longest wanted string.
const MAX_STRING_BYTES: usize = 64 * 1024;
/// Deepest nesting of types and values.
const MAX_DEPTH: usize = 32;
/// Largest number of types in a schema.
const MAX_TYPES: usize = 1000;
/// Largest number of entries in the header.
const MAX_METADATA: usize = 1000;

/// A value of a wanted field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    Number(i64),
    /// A value of another type.
    Other,
}

/// The records of a file, up to the first damage.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The values of the wanted fields, in their order.
    pub(super) rows: Vec<Vec<Value>>,
    /// The reason why there are no more.
    pub(super) damage: Option<anyhow::Error>,
}

/// Reads the values of these fields from all records of a file. Fails if the header or the schema
/// cannot be read, or lacks one of the fields.
pub(super) fn read(bytes: &[u8], fields: &[&str]) -> anyhow::Result<Records> {
    let mut input = Input { bytes };
    let (schema, codec, sync) = header(&mut input).context("the header is damaged")?;
    let schema = Schema::parse(&schema, fields)?;
    let mut records = Records::default();
    let mut block = 0;
    while !input.bytes.is_empty() {
        block += 1;
        if let Err(error) = read_block(&mut input, &schema, codec, sync, &mut records.rows) {
            records.damage = Some(error.context(format!("block {block} is damaged")));
            break;
        }
    }
    Ok(records)
}

#[derive(Debug, Clone, Copy)]
enum Codec {
    Null,
    Deflate,
    Snappy,
}

/// Reads the header: the schema as JSON, the codec, and the mark after each block.
fn header<'a>(input: &mut Input<'a>) -> anyhow::Result<(Json, Codec, &'a [u8])> {
    ensure!(input.bytes.starts_with(MAGIC), "expected an Avro container file, got another file");
    input.take(MAGIC.len())?;
    let mut metadata = HashMap::new();
    loop {
        let count = input.block_count()?;
        if count == 0 {
            break;
        }
        for _ in 0..count {
            ensure!(metadata.len() < MAX_METADATA, "expected at most {MAX_METADATA} entries");
            let key = input.sized()?;
            metadata.insert(key, input.sized()?);
        }
    }
    let sync = input.take(SYNC_BYTES)?;
    let schema = metadata.get(&b"avro.schema"[..]).context("expected a schema, got none")?;
    let schema = serde_json::from_slice(schema).context("expected a schema in JSON")?;
    let codec = match metadata.get(&b"avro.codec"[..]).copied().unwrap_or(b"null") {
        b"null" => Codec::Null,
        b"deflate" => Codec::Deflate,
        b"snappy" => Codec::Snappy,
        other => bail!(
            "expected the codec null, deflate or snappy, got {:?}",
            String::from_utf8_lossy(&other[..other.len().min(40)])
        ),
    };
    Ok((schema, codec, sync))
}

fn read_block(
    input: &mut Input<'_>,
    schema: &Schema,
    codec: Codec,
    sync: &[u8],
    rows: &mut Vec<Vec<Value>>,
) -> anyhow::Result<()> {
    let count = usize::try_from(input.long()?).context("expected a number of records")?;
    ensure!(rows.len() + count <= MAX_RECORDS, "expected at most {MAX_RECORDS} records");
    let content = input.sized()?;
    // The mark comes first: what has another one may be a part of a block.
    ensure!(input.take(SYNC_BYTES)? == sync, "expected the file's mark behind it, got another");
    let content = decompressed(content, codec)?;
    let mut content = Input { bytes: &content };
    for _ in 0..count {
        let row = schema.record(&mut content)?;
        rows.push(row);
    }
    ensure!(content.bytes.is_empty(), "expected the end of the block, got more bytes");
    Ok(())
}

fn decompressed(content: &[u8], codec: Codec) -> anyhow::Result<Vec<u8>> {
    let too_large = || anyhow!("expected at most {MAX_BLOCK_BYTES} bytes in a block, got more");
    match codec {
        Codec::Null => {
            ensure!(content.len() as u64 <= MAX_BLOCK_BYTES, too_large());
            Ok(content.to_vec())
        }
        Codec::Deflate => {
            let inflating = flate2::bufread::DeflateDecoder::new(content);
            read_limited(inflating, MAX_BLOCK_BYTES)?.ok_or_else(too_large)
        }
        Codec::Snappy => {
            let (content, sum) = content.split_last_chunk::<4>().context("expected a check sum")?;
            ensure!(snap::raw::decompress_len(content)? as u64 <= MAX_BLOCK_BYTES, too_large());
            let plain = snap::raw::Decoder::new().decompress_vec(content)?;
            let mut crc = flate2::Crc::new();
            crc.update(&plain);
            ensure!(crc.sum() == u32::from_be_bytes(*sum), "the check sum is wrong");
            Ok(plain)
        }
    }
}

/// A type of the schema. Named types are numbers in the list of all.
#[derive(Debug, Clone)]
enum Type {
    Null,
    Boolean,
    Int,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Record(Vec<Type>),
    Named(usize),
}

/// The schema of the records.
#[derive(Debug)]
struct Schema {
    named: Vec<Type>,
    /// The types of the record's fields.
    fields: Vec<Type>,
    /// The place of each wanted field.
    wanted: Vec<usize>,
}

impl Schema {
    fn parse(schema: &Json, wanted: &[&str]) -> anyhow::Result<Schema> {
        let mut parser = Parser::default();
        let root = parser.parse(schema, "", 0).context("the schema is not understood")?;
        let root = match root {
            Type::Named(number) => parser.named[number].clone(),
            other => other,
        };
        let (Type::Record(fields), Some(names)) = (root, schema.get("fields")) else {
            bail!("expected records, got values of another type");
        };
        let names: Vec<&str> =
            names.as_array().into_iter().flatten().filter_map(|f| f["name"].as_str()).collect();
        let wanted = wanted.iter().map(|name| {
            names
                .iter()
                .position(|known| known == name)
                .with_context(|| format!("expected records with the field {name}, got others"))
        });
        Ok(Schema { named: parser.named, fields, wanted: wanted.collect::<Result<_, _>>()? })
    }

    fn record(&self, input: &mut Input<'_>) -> anyhow::Result<Vec<Value>> {
        let mut row = vec![Value::Null; self.wanted.len()];
        for (place, kind) in self.fields.iter().enumerate() {
            let value = self.value(kind, input, 0)?;
            for (at, _) in self.wanted.iter().enumerate().filter(|(_, one)| **one == place) {
                row[at] = value.clone();
            }
        }
        Ok(row)
    }

    fn value(&self, kind: &Type, input: &mut Input<'_>, depth: usize) -> anyhow::Result<Value> {
        ensure!(depth < MAX_DEPTH, "expected at most {MAX_DEPTH} levels");
        match kind {
            Type::Null => return Ok(Value::Null),
            Type::Int => return Ok(Value::Number(input.long()?)),
            Type::Text => {
                let text = input.sized()?;
                ensure!(
                    text.len() <= MAX_STRING_BYTES,
                    "expected a string of at most {MAX_STRING_BYTES} bytes, got {}",
                    text.len()
                );
                let text = std::str::from_utf8(text).context("expected a string in UTF-8")?;
                return Ok(Value::Text(text.to_owned()));
            }
            Type::Union(kinds) => {
                let branch = usize::try_from(input.long()?).ok();
                let kind = branch.and_then(|branch| kinds.get(branch));
                let kind = kind.context("expected a branch of the union")?;
                return self.value(kind, input, depth + 1);
            }
            Type::Named(number) => return self.value(&self.named[*number], input, depth + 1),
            Type::Boolean => input.take(1).map(drop)?,
            Type::Float => input.take(4).map(drop)?,
            Type::Double => input.take(8).map(drop)?,
            Type::Bytes => input.sized().map(drop)?,
            Type::Fixed(size) => input.take(*size).map(drop)?,
            Type::Record(fields) => {
                for kind in fields {
                    self.value(kind, input, depth + 1)?;
                }
            }
            Type::Array(kind) => self
                .skip_blocks(input, depth, |input| self.value(kind, input, depth + 1).map(drop))?,
            Type::Map(kind) => self.skip_blocks(input, depth, |input| {
                input.sized()?;
                self.value(kind, input, depth + 1).map(drop)
            })?,
        }
        Ok(Value::Other)
    }

    /// Skips the items of an array or a map.
    fn skip_blocks(
        &self,
        input: &mut Input<'_>,
        depth: usize,
        skip: impl Fn(&mut Input<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        ensure!(depth < MAX_DEPTH, "expected at most {MAX_DEPTH} levels");
        loop {
            let count = input.block_count()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                let before = input.bytes.len();
                skip(input)?;
                // Items without any byte could be counted without an end.
                ensure!(input.bytes.len() < before, "expected items with a length");
            }
        }
    }
}

/// The types of a schema that are read so far.
#[derive(Default)]
struct Parser {
    named: Vec<Type>,
    names: HashMap<String, usize>,
    types: usize,
}

impl Parser {
    fn parse(&mut self, schema: &Json, space: &str, depth: usize) -> anyhow::Result<Type> {
        self.types += 1;
        ensure!(depth < MAX_DEPTH, "expected at most {MAX_DEPTH} levels");
        ensure!(self.types <= MAX_TYPES, "expected at most {MAX_TYPES} types");
        match schema {
            Json::String(name) => self.by_name(name, space),
            Json::Array(kinds) => {
                let kinds = kinds.iter().map(|kind| self.parse(kind, space, depth + 1));
                Ok(Type::Union(kinds.collect::<Result<_, _>>()?))
            }
            Json::Object(_) => self.complex(schema, space, depth),
            _ => bail!("expected a type"),
        }
    }

    fn by_name(&self, name: &str, space: &str) -> anyhow::Result<Type> {
        Ok(match name {
            "null" => Type::Null,
            "boolean" => Type::Boolean,
            "int" | "long" => Type::Int,
            "float" => Type::Float,
            "double" => Type::Double,
            "bytes" => Type::Bytes,
            "string" => Type::Text,
            _ => {
                let number = self.names.get(&full_name(name, space)).or(self.names.get(name));
                Type::Named(*number.context("expected a type that is defined")?)
            }
        })
    }

    fn complex(&mut self, schema: &Json, space: &str, depth: usize) -> anyhow::Result<Type> {
        let part = |name: &str| schema.get(name).with_context(|| format!("expected {name}"));
        let kind = part("type")?;
        match kind.as_str() {
            Some("array") => {
                Ok(Type::Array(Box::new(self.parse(part("items")?, space, depth + 1)?)))
            }
            Some("map") => {
                Ok(Type::Map(Box::new(self.parse(part("values")?, space, depth + 1)?)))
            }
            Some("enum") => self.define(schema, space, Type::Int),
            Some("fixed") => {
                let size = part("size")?.as_u64().and_then(|size| usize::try_from(size).ok());
                self.define(schema, space, Type::Fixed(size.context("expected a size")?))
            }
            Some("record" | "error") => {
                // The name is known within the record, so its place is taken first.
                let named = self.define(schema, space, Type::Null)?;
                let space = own_space(schema, space);
                let mut fields = Vec::new();
                for field in part("fields")?.as_array().into_iter().flatten() {
                    let kind = field.get("type").context("expected the type of a field")?;
                    fields.push(self.parse(kind, &space, depth + 1)?);
                }
                if let Type::Named(number) = named {
                    self.named[number] = Type::Record(fields);
                }
                Ok(named)
            }
            // A type with attributes, such as a logical type.
            _ => self.parse(kind, space, depth + 1),
        }
    }

    fn define(&mut self, schema: &Json, space: &str, kind: Type) -> anyhow::Result<Type> {
        let name = schema.get("name").and_then(Json::as_str).context("expected a name")?;
        let number = self.named.len();
        self.names.insert(full_name(name, &own_space(schema, space)), number);
        self.named.push(kind);
        Ok(Type::Named(number))
    }
}

fn own_space(schema: &Json, space: &str) -> String {
    schema.get("namespace").and_then(Json::as_str).unwrap_or(space).to_owned()
}

fn full_name(name: &str, space: &str) -> String {
    match name.contains('.') || space.is_empty() {
        true => name.to_owned(),
        false => format!("{space}.{name}"),
    }
}

/// The bytes that are not read yet.
struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> anyhow::Result<&'a [u8]> {
        let (taken, rest) =
            self.bytes.split_at_checked(count).context("expected more bytes, got the end")?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Reads an `int` or a `long`.
    fn long(&mut self) -> anyhow::Result<i64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        bail!("expected a number of at most 10 bytes")
    }

    /// Reads bytes behind their number.
    fn sized(&mut self) -> anyhow::Result<&'a [u8]> {
        let count = usize::try_from(self.long()?).context("expected a length")?;
        self.take(count)
    }

    /// Reads the number of items in a block of an array or a map; 0 at the end.
    fn block_count(&mut self) -> anyhow::Result<u64> {
        let count = self.long()?;
        if count < 0 {
            // The size of the block in bytes follows.
            self.long()?;
        }
        Ok(count.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(number: i64) -> Vec<u8> {
        let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
        let mut bytes = Vec::new();
        loop {
            let byte = (left & 0x7f) as u8;
            left >>= 7;
            bytes.push(if left > 0 { byte | 0x80 } else { byte });
            if left == 0 {
                return bytes;
            }
        }
    }

    fn text(text: &str) -> Vec<u8> {
        [long(text.len() as i64), text.as_bytes().to_vec()].concat()
    }

    fn file(schema: &str, codec: &str, count: i64, content: &[u8]) -> Vec<u8> {
        let sync = [7; 16].to_vec();
        [
            MAGIC.to_vec(),
            long(2),
            text("avro.schema"),
            text(schema),
            text("avro.codec"),
            text(codec),
            long(0),
            sync.clone(),
            long(count),
            long(content.len() as i64),
            content.to_vec(),
            sync,
        ]
        .concat()
    }

    const SCHEMA: &str = r#"{"type": "record", "name": "T", "fields": [
        {"name": "stix_id", "type": "string"}, {"name": "event_id", "type": ["string", "null"]}]}"#;

    #[test]
    fn any_cut_or_changed_byte_ends_in_an_error_and_never_in_a_panic() {
        let content = [text("e:p"), long(0), text("12"), text("e:q"), long(1)].concat();
        let whole = file(SCHEMA, "null", 2, &content);
        let fields = ["stix_id", "event_id"];
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = read(&whole, &fields).unwrap().rows;
        assert_eq!(rows, [vec![text("e:p"), text("12")], vec![text("e:q"), Value::Null]]);
        let header = whole.len() - content.len() - 18;
        for cut in 0..whole.len() {
            match read(&whole[..cut], &fields) {
                Ok(records) if cut == header => assert!(records.rows.is_empty()),
                Ok(records) => assert!(records.damage.is_some() && records.rows.is_empty()),
                Err(_) => assert!(cut < header, "{cut}"),
            }
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                let _ = read(&changed, &fields);
            }
        }
    }

    #[test]
    fn counts_without_an_end_and_schemas_without_a_bottom_are_refused() {
        let fields = ["stix_id"];
        let endless = r#"{"type": "record", "name": "T", "fields": [
            {"name": "stix_id", "type": {"type": "array", "items": "null"}}]}"#;
        let content = [long(i64::MAX), long(0)].concat();
        assert!(read(&file(endless, "null", 1, &content), &fields).unwrap().damage.is_some());
        let recursive = r#"{"type": "record", "name": "T", "fields": [
            {"name": "stix_id", "type": "T"}]}"#;
        assert!(read(&file(recursive, "null", 1, b""), &fields).unwrap().damage.is_some());
        let deep = format!(
            r#"{{"type": "record", "name": "T", "fields": [{{"name": "stix_id", "type": {}"null"{}}}]}}"#,
            r#"{"type": "array", "items": "#.repeat(100),
            "}".repeat(100)
        );
        assert!(read(&file(&deep, "null", 1, b""), &fields).is_err());
        let error = read(&file(SCHEMA, "lzma", 0, b""), &fields).unwrap_err();
        assert!(
            format!("{error:#}").contains("null, deflate or snappy, got \"lzma\""),
            "{error:#}"
        );
        assert!(read(&file(SCHEMA, "null", i64::MAX, b""), &fields).unwrap().damage.is_some());
        let error = read(&file(SCHEMA, "null", 0, b""), &["other"]).unwrap_err();
        assert!(error.to_string().contains("the field other"), "{error}");
        // An empty record could be counted without an end, too.
        let empty =
            r#"{"type": "record", "name": "T", "fields": [{"name": "stix_id", "type": "null"}]}"#;
        let records = read(&file(empty, "null", 20_000_000, b""), &fields).unwrap();
        assert!(records.damage.is_some() && records.rows.is_empty());
    }
}

//! The document and field of each observable in a batch, and its position in the batch.

use std::ops::Range;

use threatsieve_blacklist::observable::{HEADER_BYTES, Kind, offsets};
use threatsieve_runner::CheckError;

use crate::failure::{Failure, Kind as FailureKind};

/// The number of bits for the field in a place.
const FIELD_BITS: u32 = 8;

/// Encodes the origin of an observable as one number. The document has 24 bits.
pub(crate) fn place(document: u32, field: u8) -> i32 {
    (document << FIELD_BITS | u32::from(field)).cast_signed()
}

/// The observables of one document. They are next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) document: u32,
    pub(crate) observables: Range<u32>,
}

/// A batch, split into documents. Built only when something is to be written.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    batch: &'a [u8],
    places: &'a [i32],
    /// The offset of each observable's header, and the end of the batch.
    offsets: Vec<u32>,
    pub(crate) parts: Vec<Part>,
}

impl<'a> Layout<'a> {
    /// Checks the places against the batch: one for each observable, documents ascending and below
    /// `documents`, fields below `fields`.
    pub(crate) fn new(
        batch: &'a [u8],
        places: &'a [i32],
        documents: u32,
        fields: usize,
    ) -> Result<Layout<'a>, Failure> {
        let offsets = offsets(batch).map_err(|error| Failure::from(&CheckError::Batch(error)))?;
        if offsets.len() - 1 != places.len() {
            let message = format!(
                "the batch has {} observables, and {} places",
                offsets.len() - 1,
                places.len()
            );
            return Err(Failure::new(FailureKind::Internal, message));
        }
        let mut parts: Vec<Part> = Vec::new();
        for (number, &place) in places.iter().enumerate() {
            let number = number as u32;
            let (document, field) = split(place);
            let known = parts.last_mut();
            let least = known.as_ref().map_or(0, |part| part.document);
            if !(least..documents).contains(&document) || field >= fields {
                let message = format!(
                    "place {number}: expected a document from {least} on and below {documents} \
                     and a field below {fields}, got document {document}, field {field}"
                );
                return Err(Failure::new(FailureKind::Internal, message));
            }
            match known {
                Some(part) if part.document == document => part.observables.end = number + 1,
                _ => parts.push(Part { document, observables: number..number + 1 }),
            }
        }
        Ok(Layout { batch, places, offsets, parts })
    }

    /// The bytes of the whole batch.
    pub(crate) fn batch(&self) -> &'a [u8] {
        self.batch
    }

    /// The observables of each part.
    pub(crate) fn observables(&self) -> Vec<Range<u32>> {
        self.parts.iter().map(|part| part.observables.clone()).collect()
    }

    /// The bytes of an observable.
    pub(crate) fn value(&self, observable: u32) -> &'a [u8] {
        let number = observable as usize;
        let start = self.offsets[number] as usize + HEADER_BYTES;
        &self.batch[start..self.offsets[number + 1] as usize]
    }

    /// The kind of an observable. The batch was read before, so all kinds are known.
    pub(crate) fn kind(&self, observable: u32) -> Kind {
        let start = self.offsets[observable as usize] as usize;
        let byte = self.batch.get(start + HEADER_BYTES - 1).copied();
        byte.and_then(Kind::from_byte).unwrap_or(Kind::Any)
    }

    /// The number of its field.
    pub(crate) fn field(&self, observable: u32) -> usize {
        split(self.places[observable as usize]).1
    }
}

fn split(place: i32) -> (u32, usize) {
    let place = place.cast_unsigned();
    (place >> FIELD_BITS, (place & 0xff) as usize)
}

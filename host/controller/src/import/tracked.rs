//! The tracking file: the packages that the service has sent, or tried to send.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, ensure};

use super::avro::{self, Value};
use crate::limited::read_limited;

/// Longest tracking file.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// Longest id of a package.
const MAX_ID_BYTES: usize = 4096;

/// Packages by id, each with the number of its event. The service also tracked packages that it
/// failed to send: these have no event.
#[derive(Debug, Default)]
pub(crate) struct Tracked(pub(crate) BTreeMap<String, Option<i64>>);

impl Tracked {
    /// Reads a tracking file. Also returns the reason if it is damaged: then only the packages
    /// before the damage are there.
    pub(super) fn read(path: &Path) -> anyhow::Result<(Tracked, Option<anyhow::Error>)> {
        let bytes = read_limited(File::open(path)?, MAX_BYTES)?;
        let bytes = bytes.with_context(|| format!("expected at most {MAX_BYTES} bytes"))?;
        let avro::Records { rows, mut damage } = avro::read(&bytes, &["stix_id", "event_id"])?;
        let mut tracked = Tracked::default();
        for row in rows {
            if let Err(error) = tracked.add(row) {
                damage.get_or_insert(error);
            }
        }
        Ok((tracked, damage))
    }

    fn add(&mut self, row: Vec<Value>) -> anyhow::Result<()> {
        let [id, event]: [Value; 2] =
            row.try_into().map_err(|_| anyhow::anyhow!("expected two fields"))?;
        let Value::Text(id) = id else { anyhow::bail!("expected a text as `stix_id`") };
        ensure!(
            !id.is_empty() && id.len() <= MAX_ID_BYTES,
            "expected a `stix_id` of 1 to {MAX_ID_BYTES} bytes"
        );
        let event = match event {
            Value::Text(text) => text.trim().parse().ok(),
            Value::Number(number) => Some(number),
            Value::Null | Value::Other => None,
        };
        let event = event.filter(|number| *number > 0);
        let known = self.0.entry(id).or_default();
        *known = event.or(*known);
        Ok(())
    }

    /// Counts the packages without an event.
    pub(crate) fn without_event(&self) -> usize {
        self.0.values().filter(|event| event.is_none()).count()
    }
}

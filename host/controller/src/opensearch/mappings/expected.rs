//! The mappings of the fields that the ingest processor writes into events.

use anyhow::{Context, ensure};
use serde_json::{Map, Value as Json, json};

/// The component template, as the plugin contains it.
pub(crate) const TEMPLATE: &str =
    include_str!("../../../../../plugin-descriptors/component-template.json");
/// The component template's name in a cluster.
pub(crate) const TEMPLATE_NAME: &str = "threatsieve";
/// The processor's default `flag_field`.
const FLAG_FIELD: &str = "indicator";

/// The expected fields and their types, as the `properties` of a mapping.
#[derive(Debug)]
pub(crate) struct Expected(pub(super) Map<String, Json>);

impl Expected {
    /// Returns the fields for a blacklist with this name, with the flag in `flag_field`. An empty
    /// `flag_field` means that no flag is written.
    pub(crate) fn new(blacklist: &str, flag_field: &str) -> anyhow::Result<Expected> {
        let template: Json = serde_json::from_str(TEMPLATE).context("the component template")?;
        let properties = template["template"]["mappings"]["properties"].as_object();
        let mut fields = properties.context("the component template has no fields")?.clone();
        let flag = fields.remove(FLAG_FIELD).context("the component template has no flag")?;
        ensure!(
            !flag_field.split('.').any(str::is_empty) || flag_field.is_empty(),
            "expected a field's name (`threat.flag`), got {flag_field:?}"
        );
        if !flag_field.is_empty() {
            put(&mut fields, flag_field, flag);
        }
        put(&mut fields, &format!("threatsieve.generation.{blacklist}"), json!({ "type": "long" }));
        Ok(Expected(fields))
    }
}

/// Adds a field, and the objects around it if they are missing.
fn put(fields: &mut Map<String, Json>, path: &str, field: Json) {
    let Some((first, rest)) = path.split_once('.') else {
        fields.insert(path.to_owned(), field);
        return;
    };
    let object = fields.entry(first).or_insert_with(|| json!({}));
    if let Some(object) = object.as_object_mut()
        && let Some(inner) = object.entry("properties").or_insert_with(|| json!({})).as_object_mut()
    {
        put(inner, rest, field);
    }
}

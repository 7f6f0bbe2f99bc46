//! The flags of a stored document: its source and what holds now in, the changes out.
//!
//! The ingest processor writes a document before it is stored; a backfill changes a stored one.
//! Both leave the same fields, except that a backfill says so (`threatsieve.historic`). What others
//! wrote stays, also what the processor wrote for another blacklist.

use serde_json::{Map, Value, json};
use threatsieve_blacklist::Timestamp;

use crate::fields::{set, take};
use crate::shapes::map_together;
use crate::{Ceiling, Flag, rfc3339};

/// The field of the enrichments.
pub const ENRICHMENTS: &str = "threat.enrichments";
/// The object that only we write.
const OURS: &str = "threatsieve";
/// Nested objects that an index takes in one event, by default.
const MAX_NESTED: usize = 10_000;
/// Retractions that a document lists; the oldest go first.
const MAX_RETRACTED: usize = 100;

/// The fields of a blacklist's flags.
#[derive(Debug, Clone, Copy)]
pub struct FlagShape<'a> {
    /// The blacklist's name.
    pub blacklist: &'a str,
    /// The field and the value of the flag; `None` for no flag.
    pub flag: Option<(&'a str, &'a str)>,
    /// The limits on what is written.
    pub ceiling: Ceiling,
}

/// The matches that hold for a document now.
#[derive(Debug, Clone, Default)]
pub struct Holding<'a> {
    /// The matches found now; their enrichments replace earlier ones of the same indicators.
    pub flag: Flag,
    /// Feed and id of each indicator whose earlier enrichment stays.
    pub kept: Vec<(&'a str, &'a str)>,
    /// The generation that was matched with.
    pub generation: u64,
    /// True if matches were added to a stored event.
    pub is_historic: bool,
    /// The matches that were taken back.
    pub retracted: Vec<Retracted<'a>>,
}

/// A match that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retracted<'a> {
    /// Feed and indicator; `None` if the indicator's marking forbids naming it.
    pub named: Option<(&'a str, &'a str)>,
    /// The time of the retraction.
    pub at: Timestamp,
    /// The reason, in the words of the operator or of the program.
    pub reason: &'a str,
}

/// The changes of a document's source. Top-level fields are exchanged as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rewrite {
    /// Top-level fields with their new values.
    pub set: Map<String, Value>,
    /// Top-level fields that go.
    pub remove: Vec<String>,
    /// True if merging `set` into the source has the same result. Then nothing goes away.
    pub merges: bool,
}

impl Rewrite {
    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    /// Returns the source with the changes.
    pub fn apply(&self, source: &Map<String, Value>) -> Map<String, Value> {
        let mut after = source.clone();
        for name in &self.remove {
            after.remove(name);
        }
        after.extend(self.set.clone());
        after
    }

    fn between(before: &Map<String, Value>, after: Map<String, Value>) -> Rewrite {
        let remove: Vec<String> =
            before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
        let mut merges = remove.is_empty();
        let mut set = Map::new();
        for (name, value) in after {
            match before.get(&name) {
                Some(old) if *old == value => {}
                old => {
                    merges &= old.is_none_or(|old| merges_to(old, &value));
                    set.insert(name, value);
                }
            }
        }
        Rewrite { set, remove, merges }
    }
}

/// Returns whether merging the second value into the first gives the second. Objects are merged,
/// anything else is replaced.
fn merges_to(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(name, old)| new.get(name).is_some_and(|new| merges_to(old, new)))
        }
        _ => true,
    }
}

/// An enrichment of a document.
struct Enrichment {
    value: Value,
    /// The publisher's confidence, of those that name a blacklist.
    confidence: Value,
}

impl Enrichment {
    /// The blacklist that it names. Enrichments of other tools name none.
    fn blacklist(&self) -> Option<&str> {
        text_at(&self.value, &format!("{OURS}.blacklist"))
    }
}

/// Computes the changes of a document.
pub fn rewrite(
    source: &Map<String, Value>,
    shape: &FlagShape<'_>,
    holding: Holding<'_>,
) -> Rewrite {
    let mut after = source.clone();
    let mut ours = take_ours(&mut after);
    let all = take_enrichments(&mut after, &mut ours);
    let is_ours = |one: &Enrichment| one.blacklist() == Some(shape.blacklist);
    let was_flagged = all.iter().any(is_ours) || claims(&ours, shape.blacklist);
    let (before, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_ours);
    let mut now = settled(before, &holding, source);
    let over = now.len().saturating_sub(shape.ceiling.enrichments);
    now.truncate(shape.ceiling.enrichments);
    let omitted = holding.flag.omitted + over;
    let is_flagged = !now.is_empty() || holding.flag.withheld > 0 || omitted > 0;
    put_enrichments(&mut after, &mut ours, others, now);
    put_count(&mut ours, "withheld", holding.flag.withheld, shape.blacklist);
    put_count(&mut ours, "omitted", omitted, shape.blacklist);
    put_flag(&mut after, &mut ours, shape, is_flagged, was_flagged);
    ours.remove("unchecked");
    if holding.is_historic {
        ours.insert("historic".to_owned(), json!(true));
    }
    put_retracted(&mut ours, &holding.retracted);
    if is_flagged {
        set(&mut ours, &format!("generation.{}", shape.blacklist), json!(holding.generation));
    } else {
        take(&mut ours, &format!("generation.{}", shape.blacklist));
        ours.remove("historic");
    }
    ours.retain(|_, value| !is_hollow(value));
    if !ours.is_empty() {
        after.insert(OURS.to_owned(), Value::Object(ours));
    }
    let rewrite = Rewrite::between(source, after);
    if only_generation(source, &rewrite) { Rewrite::default() } else { rewrite }
}

/// Returns our enrichments of a document: first those that stay, then those found now. If they are
/// the same as before, they stay in their order, so that the document is not written again.
fn settled(
    before: Vec<Enrichment>,
    holding: &Holding<'_>,
    source: &Map<String, Value>,
) -> Vec<Enrichment> {
    let flag = &holding.flag;
    let is_found = |id: (&str, &str)| flag.enrichments.iter().any(|new| indicator_of(new) == id);
    let found: Vec<(Option<usize>, Enrichment)> = (flag.enrichments.iter().zip(&flag.confidence))
        .map(|(new, confidence)| {
            let place = before.iter().position(|one| is_same_match(&one.value, new, source));
            let value = place.map_or(new, |place| &before[place].value).clone();
            (place, Enrichment { value, confidence: confidence.clone() })
        })
        .collect();
    let before_count = before.len();
    let mut now: Vec<(Option<usize>, Enrichment)> = (before.into_iter().enumerate())
        .filter(|(_, one)| {
            let id = indicator_of(&one.value);
            holding.kept.contains(&id) && !is_found(id)
        })
        .map(|(place, one)| (Some(place), one))
        .collect();
    now.extend(found);
    if now.len() == before_count && now.iter().all(|(place, _)| place.is_some()) {
        now.sort_by_key(|(place, _)| *place);
    }
    now.into_iter().map(|(_, one)| one).collect()
}

/// Returns whether a rewrite changes no more than the numbers of generations of flagged documents.
fn only_generation(source: &Map<String, Value>, rewrite: &Rewrite) -> bool {
    let without = |ours: &Value| {
        let mut ours = ours.clone();
        if let Some(ours) = ours.as_object_mut() {
            ours.remove("generation");
        }
        ours
    };
    let (Some(before), Some(after)) = (source.get(OURS), rewrite.set.get(OURS)) else {
        return false;
    };
    let has_generation = |ours: &Value| ours.get("generation").is_some();
    rewrite.set.len() == 1
        && rewrite.remove.is_empty()
        && has_generation(before)
        && has_generation(after)
        && without(before) == without(after)
}

/// Removes our object from a source, in all its spellings, as one nested object.
fn take_ours(source: &mut Map<String, Value>) -> Map<String, Value> {
    let mut ours = match source.remove(OURS) {
        Some(Value::Object(ours)) => ours,
        _ => Map::new(),
    };
    let prefix = format!("{OURS}.");
    let dotted: Vec<String> =
        source.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
    for name in dotted {
        if let Some(value) = source.remove(&name) {
            set(&mut ours, &name[prefix.len()..], value);
        }
    }
    ours
}

/// Removes all enrichments, in all their spellings, with the confidence of those that have one.
fn take_enrichments(
    source: &mut Map<String, Value>,
    ours: &mut Map<String, Value>,
) -> Vec<Enrichment> {
    let mut values = Vec::new();
    while let Some(some) = take(source, ENRICHMENTS) {
        values.extend(elements(some));
    }
    drop_hollow(source, "threat");
    values.extend(ours.remove("enrichments").into_iter().flat_map(elements));
    let numbers: Vec<Value> = ours.remove("confidence").into_iter().flat_map(elements).collect();
    let mut all: Vec<Enrichment> =
        values.into_iter().map(|value| Enrichment { value, confidence: Value::Null }).collect();
    let named = all.iter_mut().filter(|one| one.blacklist().is_some());
    // Without one number for each, nobody can tell whose a number is.
    if named.count() == numbers.len() {
        let named = all.iter_mut().filter(|one| one.blacklist().is_some());
        for (one, number) in named.zip(numbers) {
            one.confidence = number;
        }
    }
    all
}

/// Writes the enrichments, those of others first: into their field, or into our object if the index
/// could not map them together.
fn put_enrichments(
    source: &mut Map<String, Value>,
    ours: &mut Map<String, Value>,
    others: Vec<Enrichment>,
    new: Vec<Enrichment>,
) {
    let confidence: Vec<Value> = others
        .iter()
        .filter(|one| one.blacklist().is_some())
        .chain(&new)
        .map(|one| one.confidence.clone())
        .collect();
    let mut all: Vec<Value> = others.into_iter().map(|one| one.value).collect();
    let new: Vec<Value> = new.into_iter().map(|one| one.value).collect();
    let fits = is_open(source, ENRICHMENTS)
        && all.len() + new.len() <= MAX_NESTED
        && all.iter().all(|one| one.is_null() || one.is_object())
        && (all.is_empty() || map_together(&all, &new));
    if fits || new.is_empty() {
        all.extend(new);
    } else {
        ours.insert("enrichments".to_owned(), Value::Array(new));
        add_clash(ours, ENRICHMENTS);
    }
    if !all.is_empty() {
        set(source, ENRICHMENTS, Value::Array(all));
    }
    if !confidence.is_empty() {
        ours.insert("confidence".to_owned(), Value::Array(confidence));
    }
}

/// Writes a count. Those of other blacklists cannot be told from ours, so the larger one stays.
fn put_count(ours: &mut Map<String, Value>, name: &str, count: usize, blacklist: &str) {
    let before = ours.remove(name).and_then(|before| before.as_u64()).unwrap_or(0);
    let count = if has_others(ours, blacklist) { before.max(count as u64) } else { count as u64 };
    if count > 0 {
        ours.insert(name.to_owned(), json!(count));
    }
}

fn has_others(ours: &Map<String, Value>, blacklist: &str) -> bool {
    let generations = ours.get("generation").and_then(Value::as_object);
    generations.is_some_and(|all| all.keys().any(|name| name != blacklist))
}

/// Writes the flag with our claim to it, or takes both back.
fn put_flag(
    source: &mut Map<String, Value>,
    ours: &mut Map<String, Value>,
    shape: &FlagShape<'_>,
    is_flagged: bool,
    was_flagged: bool,
) {
    let all: Vec<Value> = ours.remove("flags").into_iter().flat_map(elements).collect();
    let is_ours = |claim: &Value| claim["blacklist"] == shape.blacklist;
    let (mine, mut others): (Vec<Value>, Vec<Value>) = all.into_iter().partition(is_ours);
    if let Some((field, value)) = shape.flag {
        let claim = json!({ "blacklist": shape.blacklist, "field": field, "value": value });
        if is_flagged {
            others.push(claim);
            let there = value_at(source, field);
            if there.is_some_and(|there| *there == value) {
                // It is there already.
            } else if is_open(source, field)
                && there
                    .is_none_or(|there| map_together(std::slice::from_ref(there), &[json!(value)]))
            {
                set(source, field, json!(value));
            } else {
                add_clash(ours, field);
            }
        } else {
            let claimed = if mine.is_empty() && was_flagged { vec![claim] } else { mine };
            for claim in claimed {
                let same = |other: &Value| {
                    other["field"] == claim["field"] && other["value"] == claim["value"]
                };
                let Some(field) = claim["field"].as_str() else { continue };
                if !others.iter().any(same)
                    && value_at(source, field).is_some_and(|there| *there == claim["value"])
                {
                    take(source, field);
                    if let Some((outer, _)) = field.split_once('.') {
                        drop_hollow(source, outer);
                    }
                }
            }
        }
    }
    if !others.is_empty() {
        ours.insert("flags".to_owned(), Value::Array(others));
    }
}

fn put_retracted(ours: &mut Map<String, Value>, retracted: &[Retracted<'_>]) {
    if retracted.is_empty() {
        return;
    }
    let mut all: Vec<Value> = ours.remove("retractions").into_iter().flat_map(elements).collect();
    for one in retracted {
        let mut value = json!({ "at": rfc3339(one.at), "reason": one.reason });
        if let Some((feed, indicator)) = one.named {
            value["feed"] = json!(feed);
            value["indicator"] = json!(indicator);
        }
        if !all.contains(&value) {
            all.push(value);
        }
    }
    let surplus = all.len().saturating_sub(MAX_RETRACTED);
    all.drain(..surplus);
    ours.insert("retractions".to_owned(), Value::Array(all));
}

fn claims(ours: &Map<String, Value>, blacklist: &str) -> bool {
    let all = ours.get("flags").and_then(Value::as_array);
    all.is_some_and(|all| all.iter().any(|claim| claim["blacklist"] == blacklist))
}

fn add_clash(ours: &mut Map<String, Value>, field: &str) {
    let mut all: Vec<Value> = ours.remove("clash").into_iter().flat_map(elements).collect();
    if !all.contains(&json!(field)) {
        all.push(json!(field));
    }
    ours.insert("clash".to_owned(), Value::Array(all));
}

/// Returns the feed and the indicator of an enrichment.
fn indicator_of(enrichment: &Value) -> (&str, &str) {
    let text = |name| text_at(enrichment, name).unwrap_or_default();
    (text("feed.name"), text("indicator.id"))
}

/// Returns whether a known enrichment holds as it is: it differs from the one found now at most in
/// the time of the match, or in the place, if the event still has the value there. Processors and
/// backfills do not read the fields in the same order.
fn is_same_match(known: &Value, found: &Value, source: &Map<String, Value>) -> bool {
    let without = |enrichment: &Value, of_matched: &[&str]| {
        let mut enrichment = enrichment.clone();
        if let Some(matched) = enrichment.get_mut("matched").and_then(Value::as_object_mut) {
            matched.retain(|name, _| !of_matched.contains(&name.as_str()));
        }
        enrichment
    };
    let differs_only_in =
        |of_matched: &[&str]| without(known, of_matched) == without(found, of_matched);
    indicator_of(known) == indicator_of(found)
        && (differs_only_in(&["occurred"])
            || is_still_there(known, source)
                && differs_only_in(&["occurred", "field", "atomic", "type"]))
}

/// Returns whether an event still has the value of an enrichment, in the same field.
fn is_still_there(enrichment: &Value, source: &Map<String, Value>) -> bool {
    let text = |name| text_at(enrichment, name);
    let Some(value) = text("matched.field").and_then(|field| value_at(source, field)) else {
        return false;
    };
    let is_it = |one: &Value| one.as_str().is_some() && one.as_str() == text("matched.atomic");
    value.as_array().map_or_else(|| is_it(value), |all| all.iter().any(is_it))
}

fn elements(value: Value) -> Vec<Value> {
    match value {
        Value::Array(all) => all,
        value => vec![value],
    }
}

fn text_at<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value_at(value.as_object()?, name)?.as_str()
}

/// Returns a field by its dotted name, nested or with literal dots.
pub fn value_at<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    if let Some(value) = object.get(name) {
        return Some(value);
    }
    let (outer, inner) = name.split_once('.')?;
    value_at(object.get(outer)?.as_object()?, inner)
}

/// Returns whether a field can be set: what is around it is an object, or missing.
fn is_open(object: &Map<String, Value>, name: &str) -> bool {
    match name.split_once('.') {
        None => true,
        Some((outer, inner)) => match object.get(outer) {
            None | Some(Value::Null) => true,
            Some(Value::Object(object)) => is_open(object, inner),
            Some(_) => false,
        },
    }
}

/// Removes an object that became empty.
fn drop_hollow(object: &mut Map<String, Value>, name: &str) {
    if object.get(name).is_some_and(is_hollow) {
        object.remove(name);
    }
}

fn is_hollow(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.values().all(is_hollow))
}

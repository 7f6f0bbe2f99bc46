//! A package that the server converts. It is uploaded once. After a lost answer the server is
//! searched for what it made of the package, and if that is not certain, an operator decides: a
//! second upload would be a second event.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use threatsieve_misp::{Call, HeldEvent, Verdict, WantedEvent, adopt};

use super::client::Lost;
use super::publish;
use super::report::ServerReport;
use super::route::{Route, digest};
use super::send::{Halt, Sender, Trouble, Writing, said, trouble};
use crate::store::misp::{Event, Settled, Stage};

/// Time for which a server may still be converting a package after its answer was lost.
const CONVERTING: Duration = Duration::from_secs(10 * 60);
/// Number of values by which an event is searched.
const SEARCHED: usize = 50;
/// Number of events that are looked at in a search.
const MAX_CANDIDATES: usize = 10;
/// Difference of the clocks of this machine and the server.
const CLOCKS: Duration = Duration::from_secs(5 * 60);

/// Sends a package, or what changed in it.
pub(super) async fn send(
    sender: &Sender<'_>,
    route: &Route<'_>,
    event: &Event,
    report: &mut ServerReport,
) -> Result<Settled, Halt> {
    let wanted = route.wanted(&sender.forwarding.store(), event)?.event;
    let digest = digest(&wanted);
    if event.digest.as_ref() == Some(&digest) && event.publishing.is_none() {
        return Ok(Settled::Sent { digest });
    }
    let held = match event.stage {
        Stage::New => upload(sender, route, event, report).await?,
        Stage::Uploading => Some(find(sender, event, &wanted, report).await?),
        Stage::Imported => imported(sender, event, &wanted, report).await?,
        Stage::Uploaded | Stage::Refused => None,
    };
    let held = match (held, event.stage) {
        (Some(held), _) => {
            sender.forwarding.store().misp_uploaded(event.id, &held.uuid.to_string())?;
            held
        }
        (None, Stage::Uploaded) => {
            let uuid = event.uuid.clone().unwrap_or_default();
            sender.view(&uuid, report).await?.ok_or_else(|| {
                Trouble::Refused(format!(
                    "expected event {uuid}, which was sent before, got \"not found\": it was \
                     deleted on the server"
                ))
            })?
        }
        (None, Stage::Imported) => return Ok(Settled::Sent { digest }),
        // The server refused it.
        (None, _) => return send_instead(sender, route, event, report).await,
    };
    if event.stage == Stage::Imported {
        // It counts as sent as it is. A later change is compared.
        return Ok(Settled::Sent { digest });
    }
    let is_idle = wanted.is_idle();
    let adopted = adopt(wanted, &held);
    if adopted.found == 0 && !is_idle && event.digest.is_none() {
        let why =
            format!("the server made event {} of it, without any of its indicators", held.uuid);
        refuse(sender, route, event, &why)?;
        return send_instead(sender, route, event, report).await;
    }
    let wanted = adopted.event;
    let held = Writing::new(sender, event, &wanted)?.run(report).await?;
    let held = held.ok_or_else(|| Trouble::Event("the event is gone".to_owned()))?;
    publish::publish(sender, event, &wanted, &held, digest, report).await
}

/// Sends the indicators of a package that the server refused as an event of this program.
async fn send_instead(
    sender: &Sender<'_>,
    route: &Route<'_>,
    event: &Event,
    report: &mut ServerReport,
) -> Result<Settled, Halt> {
    let uuid = Some(route.own_uuid(event));
    let event = Event { stage: Stage::Refused, uuid, ..event.clone() };
    sender.complete(route, &event, report).await
}

/// Uploads a package. Returns `None` if the server refuses it.
async fn upload(
    sender: &Sender<'_>,
    route: &Route<'_>,
    event: &Event,
    report: &mut ServerReport,
) -> Result<Option<HeldEvent>, Halt> {
    let (feed, now) = (route.link.feed, sender.forwarding.now);
    let content = sender.forwarding.store().package_of(feed, &event.source)?;
    let Some(content) = content else {
        refuse(sender, route, event, "the package is not kept any more")?;
        return Ok(None);
    };
    sender.forwarding.store().misp_upload_begins(event.id, now)?;
    let not_sent = || sender.forwarding.store().misp_upload_is_new(event.id);
    report.requests += 1;
    let reply = match sender.client.post_xml("events/upload_stix/1", content).await {
        Ok(reply) => reply,
        Err(lost) => {
            if matches!(lost, Lost::Unsent(_)) {
                not_sent()?;
            }
            return Err(lost.into());
        }
    };
    match reply.verdict(Call::Upload) {
        Verdict::Accepted => match HeldEvent::parse(&reply.body) {
            Ok(held) => Ok(Some(held)),
            // The event is there. It is searched for.
            Err(error) => Err(Trouble::Event(format!("events/upload_stix: {error}")).into()),
        },
        // Half of the work may be done.
        Verdict::Uncertain { reason, .. } => Err(Trouble::Event(reason).into()),
        // Some versions of MISP say so, and others change the event that they have.
        Verdict::Exists { .. } => {
            Err(Trouble::Event("the server has an event of the package".to_owned()).into())
        }
        other @ (Verdict::Paused { .. } | Verdict::Transient { .. }) => {
            not_sent()?;
            Err(trouble(other).into())
        }
        other => {
            refuse(sender, route, event, &said(&trouble(other)))?;
            Ok(None)
        }
    }
}

/// Notes that the server refuses a package, whose indicators are sent as an event instead.
fn refuse(sender: &Sender<'_>, route: &Route<'_>, event: &Event, why: &str) -> anyhow::Result<()> {
    tracing::warn!(
        server = sender.forwarding.server.name,
        feed = event.feed,
        package = event.source,
        "MISP refuses the package, so its indicators are sent as an event: {why}"
    );
    sender.forwarding.store().misp_refused(event.id, &route.own_uuid(event), why)
}

/// Finds the event that the server made of a package whose upload has no known end.
async fn find(
    sender: &Sender<'_>,
    event: &Event,
    wanted: &WantedEvent,
    report: &mut ServerReport,
) -> Result<HeldEvent, Halt> {
    let now = sender.forwarding.now;
    let began = event.began.unwrap_or(now);
    let oldest = began.minus(CLOCKS).0.div_euclid(1_000_000);
    let mut found = search(sender, wanted, oldest, report).await?;
    match (found.len(), now.since(began) < CONVERTING) {
        (1, _) => Ok(found.remove(0)),
        (0, true) => Err(Trouble::Event(
            "the answer to an upload was lost; the server may still be working on it".to_owned(),
        )
        .into()),
        (0, false) => Err(Trouble::Uncertain(
            "the answer to an upload was lost, and no event of the package is found: look for it \
             on the server; `threatsieve misp retry` uploads it again"
                .to_owned(),
        )
        .into()),
        (_, _) => {
            let uuids: Vec<String> = found.iter().map(|held| held.uuid.to_string()).collect();
            Err(Trouble::Uncertain(format!(
                "the answer to an upload was lost, and several events have its indicators: {}",
                uuids.join(", ")
            ))
            .into())
        }
    }
}

/// Finds a package that an earlier program sent, or tried to; `None` if the server never got it, or
/// does not have it any more.
async fn imported(
    sender: &Sender<'_>,
    event: &Event,
    wanted: &WantedEvent,
    report: &mut ServerReport,
) -> Result<Option<HeldEvent>, Halt> {
    if let Some(number) = event.remote {
        return sender.view(&number.to_string(), report).await;
    }
    let mut found = search(sender, wanted, 0, report).await?;
    if found.is_empty() {
        // It failed then, and is sent now.
        sender.forwarding.store().misp_upload_is_new(event.id)?;
        return Err(Trouble::Event("the server never got it, so it is sent now".to_owned()).into());
    }
    Ok(Some(found.remove(0)))
}

#[derive(Deserialize)]
struct Found {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "Attribute", default)]
    attributes: Vec<FoundAttribute>,
}

#[derive(Deserialize)]
struct FoundAttribute {
    event_id: String,
}

/// Searches for events that have an event's indicators and were not changed before `oldest`, in
/// seconds since 1970. Those with the most of them come first.
async fn search(
    sender: &Sender<'_>,
    wanted: &WantedEvent,
    oldest: i64,
    report: &mut ServerReport,
) -> Result<Vec<HeldEvent>, Halt> {
    let values: Vec<&str> =
        wanted.all_attributes().map(|own| own.value.as_str()).take(SEARCHED).collect();
    if values.is_empty() {
        return Ok(Vec::new());
    }
    report.requests += 1;
    let query = json!({
        "returnFormat": "json", "value": values, "deleted": [0, 1], "timestamp": oldest.max(0),
    });
    let reply = sender.client.post("attributes/restSearch", &query).await?;
    match reply.verdict(Call::Read) {
        Verdict::Accepted => {}
        other => return Err(trouble(other).into()),
    }
    let found: Found = serde_json::from_slice(&reply.body)
        .map_err(|error| Trouble::Event(format!("attributes/restSearch: {error}")))?;
    let mut events = BTreeMap::<String, usize>::new();
    for attribute in found.response.attributes {
        *events.entry(attribute.event_id).or_default() += 1;
    }
    let mut events: Vec<(String, usize)> = events.into_iter().collect();
    events.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut all = Vec::new();
    for (number, _) in events.into_iter().take(MAX_CANDIDATES) {
        let Some(held) = sender.view(&number, report).await? else { continue };
        let is_known = sender.forwarding.store().knows_misp_event(&held.uuid.to_string())?;
        let adopted = adopt(wanted.clone(), &held);
        // The server's converter leaves some values out.
        let is_its = adopted.found > 0 && adopted.found >= adopted.missing.len();
        if !is_known && held.timestamp >= oldest && is_its {
            all.push(held);
        }
    }
    Ok(all)
}

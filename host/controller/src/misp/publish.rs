//! Publication. A server queues it and answers at once, also when nobody works the queue off. So it
//! counts only once it was seen.

use std::time::Duration;

use threatsieve_misp::{Call, HeldEvent, Verdict, WantedEvent};

use super::report::ServerReport;
use super::send::{Halt, Sender, Trouble, trouble};
use crate::store::misp::{Event, Settled};

/// Waits between looks at an event that is being published.
const LOOKS: [Duration; 6] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
    Duration::from_secs(3),
    Duration::from_secs(5),
];
/// Wait before the event is looked at in a later round.
const NEXT_LOOK: Duration = Duration::from_secs(30);
/// Wait before the server is asked again: its queue may have been lost.
const ASK_AGAIN: Duration = Duration::from_secs(10 * 60);

/// Publishes a complete event, if that is wanted.
pub(super) async fn publish(
    sender: &Sender<'_>,
    event: &Event,
    wanted: &WantedEvent,
    held: &HeldEvent,
    digest: Vec<u8>,
    report: &mut ServerReport,
) -> Result<Settled, Halt> {
    if !wanted.publish {
        return Ok(Settled::Sent { digest });
    }
    if held.published {
        return Ok(Settled::Sent { digest });
    }
    let now = sender.forwarding.now;
    let since = event.publishing.unwrap_or(now);
    let is_asked = event.publishing.is_some_and(|asked| now.since(asked) < ASK_AGAIN);
    if !is_asked {
        report.requests += 1;
        let path = format!("events/publish/{}", held.uuid);
        let reply = sender.client.post(&path, &serde_json::json!({})).await?;
        match reply.verdict(Call::Change) {
            Verdict::Accepted => {}
            Verdict::Refused { reason } => return Err(Trouble::Event(reason).into()),
            other => return Err(trouble(other).into()),
        }
    }
    let error = format!("event {} waits for the server's workers to publish it", held.uuid);
    let waiting = Settled::Publishing {
        digest: digest.clone(),
        since,
        at: now.plus(NEXT_LOOK),
        error: Some(error),
    };
    // Other events need not wait for this one in every round.
    let looks = if is_asked { &LOOKS[..1] } else { &LOOKS[..] };
    for wait in looks {
        if sender.forwarding.is_over() {
            break;
        }
        tokio::time::sleep(*wait).await;
        let seen = sender.view(&format!("{}/metadata:1", held.uuid), report).await?;
        if seen.is_some_and(|seen| seen.published) {
            return Ok(Settled::Sent { digest });
        }
    }
    Ok(waiting)
}

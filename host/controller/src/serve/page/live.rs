//! News for those who look at the page, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::json;

use super::overview::{Overview, Recent};
use super::words::{backfill_words, round_words};
use crate::serve::parameters::Parameters;
use crate::serve::refusal::Refusal;
use crate::service::Service;

/// Time between two events.
const PAUSE: Duration = Duration::from_secs(2);
/// Maximum number of events of one answer. The browser then asks again.
const MAX_EVENTS: u32 = 150;

/// Sends an event every two seconds, until the program stops.
pub(super) async fn live(
    State(service): State<Arc<Service>>,
    Extension(recent): Extension<Arc<Recent>>,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    parameters.check(&[])?;
    let events = unfold((0, service, recent), |(sent, service, recent)| async move {
        if sent > 0 {
            tokio::select! {
                () = service.stop().requested() => return None,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        if sent == MAX_EVENTS || service.stop().is_requested() {
            return None;
        }
        // An error is in the log. The next event may have data again.
        let text = match recent.get(&service).await {
            Ok(overview) => format!("data: {}\n\n", event(&overview)),
            Err(_) => ": nothing can be read\n\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (sent + 1, service, recent)))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(events)).into_response())
}

fn event(overview: &Overview) -> String {
    let backfills = overview.backfills.iter().chain(&overview.asked).map(|one| {
        json!({ "id": one.id, "done": one.done, "total": one.total, "words": backfill_words(one) })
    });
    json!({
        "version": overview.version(),
        "round": round_words(overview),
        "backfills": backfills.collect::<Vec<_>>(),
    })
    .to_string()
}

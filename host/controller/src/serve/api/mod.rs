//! The API below `/api/v1`. Its OpenAPI document is made from the same handlers and types.
//!
//! Reading goes through [`Service::read`], changing through [`Service::change`]. Both call what the
//! commands call. Every change is logged with the client that asked for it.

mod alerts;
mod backfills;
mod feeds;
mod indicators;
mod matches;
mod misp;
mod retractions;
mod rounds;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use threatsieve_blacklist::Timestamp;
use utoipa::PartialSchema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::guard::Identity;
use super::refusal::{Answer, Problem, Refusal};
use crate::service::Service;

/// Path of the document.
const DOCUMENT: &str = "/api/v1/openapi.json";

pub(super) use backfills::{Asked, Backfill, backfills, cancel};

type Shared = State<Arc<Service>>;
type Who = axum::Extension<Identity>;
type Answered<T> = Result<Answer<T>, Refusal>;

/// Returns the routes, with one for their OpenAPI document.
pub(super) fn routes() -> Router<Arc<Service>> {
    let (router, _) = documented().split_for_parts();
    router.route(DOCUMENT, axum::routing::get(document))
}

/// The OpenAPI document.
async fn document() -> Answer<OpenApi> {
    Answer(documented().into_openapi())
}

fn documented() -> OpenApiRouter<Arc<Service>> {
    let info = InfoBuilder::new()
        .title("Threatsieve")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The service `threatsieve run`. Times are RFC 3339. Errors are problem details \
             (RFC 9457) with the further keys `where`, `expected` and `got`. Lists come in pages: \
             `next` of one is the parameter `cursor` of the following one.",
        ))
        .build();
    let mut components = Components::new();
    components.schemas.insert("Problem".to_owned(), Problem::schema());
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("token", bearer);
    let document: OpenApi = OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        // On a loopback address, there may be no credentials.
        .security(Some([
            SecurityRequirement::new::<_, [&str; 0], &str>("token", []),
            SecurityRequirement::default(),
        ]))
        .build();
    OpenApiRouter::with_openapi(document)
        .routes(routes!(status::get_status))
        .routes(routes!(status::list_generations))
        .routes(routes!(status::reload_configuration))
        .routes(routes!(feeds::list_feeds))
        .routes(routes!(feeds::allow_feed))
        .routes(routes!(indicators::list_indicators))
        .routes(routes!(indicators::explain_value))
        .routes(routes!(matches::list_matches))
        .routes(routes!(matches::get_match))
        .routes(routes!(alerts::get_alerts))
        .routes(routes!(alerts::list_mutes, alerts::add_mute))
        .routes(routes!(alerts::remove_mute))
        .routes(routes!(retractions::list_retractions, retractions::add_retraction))
        .routes(routes!(retractions::undo_retraction))
        .routes(routes!(misp::list_servers))
        .routes(routes!(misp::list_failed))
        .routes(routes!(misp::retry_events))
        .routes(routes!(misp::pause_server))
        .routes(routes!(misp::resume_server))
        .routes(routes!(rounds::list_rounds, rounds::start_round))
        .routes(routes!(rounds::get_round))
        .routes(routes!(backfills::list_backfills, backfills::start_backfill))
        .routes(routes!(backfills::get_backfill, backfills::cancel_backfill))
}

fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

//! Feeds.

use axum::extract::State;
use axum::http::StatusCode;

use super::{Answered, Shared, Who};
use crate::serve::paging::Page;
use crate::serve::parameters::{Parameters, Segments};
use crate::serve::refusal::{Answer, Problem, Refusal};
use crate::status::{FeedStatus, feeds};

/// Feeds, in the order of the configuration
#[utoipa::path(
    get, path = "/api/v1/feeds", tag = "feeds",
    responses((status = 200, description = "All feeds", body = Page<FeedStatus>), Problem)
)]
pub(super) async fn list_feeds(
    State(service): Shared,
    parameters: Parameters,
) -> Answered<Page<FeedStatus>> {
    parameters.check(&[])?;
    let all = service.read(|store, config| feeds(config, store)).await?;
    Ok(Answer(Page::whole(all)))
}

/// Lets the next delivery of a feed through
///
/// As `threatsieve feeds --allow`: the next delivery is taken, whatever it removes, and so is the
/// next blacklist.
#[utoipa::path(
    post, path = "/api/v1/feeds/{name}/allow", tag = "feeds",
    params(("name" = String, Path, description = "Name of the feed")),
    responses((status = 204, description = "The next delivery is let through"), Problem)
)]
pub(super) async fn allow_feed(
    State(service): Shared,
    who: Who,
    Segments(name): Segments<String>,
    parameters: Parameters,
) -> Result<StatusCode, Refusal> {
    parameters.check(&[])?;
    let known = service.in_use().config.feeds.iter().any(|feed| feed.name == name);
    if !known {
        return Err(unknown_feed(&name));
    }
    who.log("let the next delivery of a feed through", &name);
    let allow = service.change(move |store, _| {
        store.allow_held(&name)?;
        store.allow_next_build()
    });
    allow.await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the refusal of a feed that is not configured.
pub(super) fn unknown_feed(name: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "unknown feed", "name")
        .expected("a configured feed", format!("{:?}", crate::text::clipped(name.as_bytes(), 100)))
}

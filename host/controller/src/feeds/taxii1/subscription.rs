//! Subscriptions, for servers that demand one before a poll.

use threatsieve_feed::taxii1::{
    Action, Binding, Body, Request, SubscriptionState, Subscriptions, Version,
};

use super::client::{Asked, Client};
use super::services::{Address, Place};
use crate::config::Taxii1Feed;
use crate::feeds::http::{Fault, shown};

const EXPECTED: &str = "a subscription management response";

/// Returns the id of a subscription to the collection. An existing one is used, and resumed if it
/// is paused. With `is_new`, or without an existing one, a new one is made.
pub(super) async fn subscribe(
    client: &mut Client<'_>,
    feed: &Taxii1Feed,
    place: &Place,
    is_new: bool,
) -> anyhow::Result<String> {
    let at = place.subscription(&feed.server.url)?.clone();
    let mut paused = None;
    if !is_new {
        let known = manage(client, &at, place, Action::Status, None, Vec::new()).await?;
        if let Some(id) = with_state(&known, SubscriptionState::Active) {
            return Ok(id);
        }
        // TAXII 1.0 has no action to resume.
        paused =
            with_state(&known, SubscriptionState::Paused).filter(|_| at.version == Version::V11);
    }
    let (action, bindings) = match paused {
        Some(_) => (Action::Resume, Vec::new()),
        None => (Action::Subscribe, bindings(feed)),
    };
    let made = manage(client, &at, place, action, paused, bindings).await?;
    with_state(&made, SubscriptionState::Active).ok_or_else(|| {
        let what = "expected an active subscription, got none".to_owned();
        Fault::Content { url: shown(&at.url), what }.into()
    })
}

fn with_state(known: &Subscriptions, state: SubscriptionState) -> Option<String> {
    known.subscriptions.iter().find(|one| one.state == state).map(|one| one.id.clone())
}

/// Ends a subscription.
pub(super) async fn unsubscribe(
    client: &mut Client<'_>,
    feed: &Taxii1Feed,
    place: &Place,
    id: String,
) -> anyhow::Result<()> {
    let at = place.subscription(&feed.server.url)?.clone();
    manage(client, &at, place, Action::Unsubscribe, Some(id), Vec::new()).await?;
    Ok(())
}

/// Returns the content bindings that the feed accepts.
pub(super) fn bindings(feed: &Taxii1Feed) -> Vec<Binding> {
    let ids = feed.content_bindings.iter();
    ids.map(|id| Binding { id: id.clone(), subtypes: Vec::new() }).collect()
}

async fn manage(
    client: &mut Client<'_>,
    at: &Address,
    place: &Place,
    action: Action,
    id: Option<String>,
    bindings: Vec<Binding>,
) -> anyhow::Result<Subscriptions> {
    let collection = place.collection.clone();
    let request = Request::Subscription { collection, action, id, bindings };
    let asked = Asked { url: &at.url, version: at.version, request: &request, expected: EXPECTED };
    let answer = client.ask(&asked, &mut |_| ()).await?;
    match answer.message.body {
        Body::Subscriptions(subscriptions) => Ok(subscriptions),
        _ => Err(answer.unexpected(EXPECTED, &client.hint(&at.url)).into()),
    }
}

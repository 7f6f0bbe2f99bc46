//! Deliveries to webhooks: JSON for programs, and messages for chats.
//!
//! [`deliveries`] makes the bodies of a round's news, in [`generic`] form or as a [`chat`] message
//! that [`slack`], [`teams`] or [`mattermost`] put into their form. [`deliver_webhooks`] sends what
//! waits, in order, over [`client`].

mod chat;
mod client;
mod delivery;
mod generic;
mod mattermost;
mod message;
mod slack;
mod teams;
#[cfg(test)]
mod tests;

pub(crate) use delivery::deliver_webhooks;
pub(super) use message::{Kind, News, Service, deliveries, delivery_of_conditions};

//! Mails and deliveries to webhooks: digests of new matches, and news of the service itself. Each
//! is composed once, and tried until it is delivered or given up.
//!
//! [`compose`] works in one transaction. It reads new matches ([`untold`](crate::store::untold))
//! and makes a [digest](crate::store::digest) for each TLP ceiling. [`page`] and the templates put
//! a digest into words, and [`mail`] makes a mail for each recipient. [`deliver`] passes waiting
//! mails to a mail server or a folder. [`webhook`] makes deliveries of the same digests, and sends
//! them.

mod compose;
mod defang;
mod delivery;
mod folder;
mod mail;
mod operations;
mod page;
mod smtp;
#[cfg(test)]
mod tests;
mod webhook;

pub(crate) use compose::{Audience, Composed, compose};
pub(crate) use delivery::{Delivery, deliver};
pub(crate) use operations::compose_operations;
pub(crate) use smtp::probe;
pub(crate) use webhook::deliver_webhooks;

//! Who is told what: digests of new matches, composed once and sent until they are taken.
//!
//! [`compose`] reads what is new ([`untold`](crate::store::untold)), one
//! [digest](crate::store::digest) a TLP ceiling, puts it in words ([`page`], the templates) and into a
//! [`mail`] a recipient, all in one transaction. [`deliver`] hands what waits to a mail server or a
//! folder.

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

pub(crate) use compose::compose;
pub(crate) use delivery::{Delivery, deliver};
pub(crate) use operations::compose_operations;
pub(crate) use smtp::probe;

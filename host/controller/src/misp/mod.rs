//! MISP servers.

mod health;

pub(crate) use health::check;

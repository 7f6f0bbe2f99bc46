//! Parts that all connections share: trusted authorities, client certificates,
//! credentials, HTTP clients, limits on answers, and the redaction of secrets.

mod address;
mod client;
mod credentials;
mod header;
mod secrets;
mod tls;

pub(crate) use address::{PublicHosts, Refused};
pub(crate) use client::{NO_AUTHORITIES, configured_client, http_client, read_body};
pub(crate) use credentials::auth_header;
pub(crate) use header::{moment, parse_moment, rate_limit_reset, retry_after, text};
pub(crate) use secrets::{Secrets, hide_key, shown_server, shown_url};
pub(crate) use tls::{server_tls_config, tls_config};

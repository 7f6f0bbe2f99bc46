//! `[opensearch]`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::feed::{client_certificate, is_loopback};
use super::load::parse;
use super::reader::Reader;
use super::{Auth, Config, ConfigError, OpenSearch};

/// The header of an API key, and how it begins there.
const API_KEY_HEADER: &str = "Authorization";

pub(super) fn opensearch(table: &Reader<'_>, allow_plain_http: bool) -> Option<OpenSearch> {
    let hosts = table.urls("hosts");
    if hosts.as_ref().is_some_and(Vec::is_empty) {
        table.problem("hosts", "expected at least one URL, got an empty list");
    }
    let push = table.boolean("push");
    let auth = auth(table);
    let client_certificate = client_certificate(table);
    let ca_files = table.paths("ca_files");
    let (connect_timeout, timeout) = (table.duration("connect_timeout"), table.duration("timeout"));
    let node_timeout = table.duration("node_timeout");
    let max_request_bytes = table.bytes("max_request");
    if let (Some(hosts), Some(auth)) = (&hosts, &auth)
        && !allow_plain_http
        && !matches!(auth, Auth::None)
        && hosts.iter().any(|host| host.scheme() == "http" && !is_loopback(host))
    {
        let text = "expected https with credentials, got http, which shows them to everyone on the way; `allow_plain_http = true` in [http] allows it";
        table.hidden_problem("hosts", text);
        return None;
    }
    Some(OpenSearch {
        hosts: hosts?,
        push: push?,
        auth: auth?,
        client_certificate: client_certificate?,
        ca_files: ca_files?,
        connect_timeout: connect_timeout??,
        timeout: timeout??,
        node_timeout: node_timeout??,
        max_request_bytes: max_request_bytes?,
    })
}

/// Hosts from the command line, checked as those of a file are, and the defaults for everything else.
pub(crate) fn of_hosts(hosts: &[String], ca_files: &[PathBuf]) -> Result<Config, ConfigError> {
    // JSON's lists of strings are TOML's, too.
    let text = format!(
        "state = \"none\"\n[opensearch]\nhosts = {}\nca_files = {}\n",
        json!(hosts),
        json!(ca_files)
    );
    Ok(parse("--host", &text, Path::new(""))?.config)
}

/// A client certificate may stand beside either: the server decides what it takes for whom.
fn auth(table: &Reader<'_>) -> Option<Auth> {
    if table.is_given("user") && table.is_given("api_key") {
        table.hidden_problem("api_key", "expected one way to authenticate, got user and api_key");
    }
    for (one, other) in [("user", "password"), ("password", "user")] {
        if table.is_given(one) && !table.is_given(other) {
            table.hidden_problem(one, format!("expected `{other}` beside it, got nothing"));
        }
    }
    let (user, password) = (table.optional_text("user"), table.secret("password"));
    let api_key = table.secret("api_key");
    Some(match (user?, password?, api_key?) {
        (Some(user), Some(password), _) => Auth::Basic { user, password },
        (_, _, Some(key)) => {
            let value = super::Secret::new(format!("ApiKey {}", key.expose()));
            Auth::Header { name: API_KEY_HEADER.to_owned(), value }
        }
        _ => Auth::None,
    })
}

//! Faults of requests to a cluster, distinguished by their remedy.

/// A host that gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Silent {
    pub(crate) host: String,
    pub(crate) why: String,
}

/// A request that brought no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No host could be reached, answered in time and was ready. For example, a host may have lost
    /// the rest of its cluster.
    #[error("no host of the cluster is ready: {}", listed(.0))]
    Unreachable(Vec<Silent>),
    /// 401: the server does not know the user. 403: the user lacks the permission.
    #[error(
        "{host}: expected a user that may see or change {what}, got {status}: {reason}{}",
        remedy(*.status)
    )]
    Denied { host: String, what: &'static str, status: u16, reason: String },
    #[error(
        "{host}: expected the plugin threatsieve, got none; install it (`make deploy-plugin`) \
         and restart the node"
    )]
    NoPlugin { host: String },
    /// The plugin refuses the blacklist.
    #[error("{host}: the blacklist is refused ({kind}): {reason}")]
    Refused { host: String, kind: String, reason: String },
    #[error("{host}: expected {what}, got {status}: {reason}")]
    Answer { host: String, what: &'static str, status: u16, reason: String },
    /// A successful answer with unexpected content.
    #[error("{host}: expected {what}, got an answer of another kind: {got}")]
    Unfit { host: String, what: &'static str, got: String },
}

impl Fault {
    /// Returns the server's reason, without the host.
    pub(super) fn reason(&self) -> String {
        match self {
            Fault::Denied { status, reason, .. } | Fault::Answer { status, reason, .. } => {
                format!("{status}: {reason}")
            }
            Fault::Refused { kind, reason, .. } => format!("{kind}: {reason}"),
            other => other.to_string(),
        }
    }
}

fn listed(hosts: &[Silent]) -> String {
    let each: Vec<String> =
        hosts.iter().map(|silent| format!("{} ({})", silent.host, silent.why)).collect();
    each.join(", ")
}

fn remedy(status: u16) -> &'static str {
    match status {
        401 => "; check `user` and `password`, `api_key` or the client certificate in [opensearch]",
        _ => "; docs/security.md says which role it needs",
    }
}

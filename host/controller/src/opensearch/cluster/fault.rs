//! What can go wrong between a cluster and here, told apart by what helps.

/// A host that gave no answer that is of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Silent {
    pub(crate) host: String,
    pub(crate) why: String,
}

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No host could be connected to, or answered in time, or can do it: one may not know the rest of its cluster.
    #[error("no host of the cluster is ready: {}", listed(.0))]
    Unreachable(Vec<Silent>),
    /// 401: it does not know who asks. 403: it does, but not that one may.
    #[error("{host}: expected a user that may see or change {what}, got {status}: {reason}{}", remedy(*.status))]
    Denied { host: String, what: &'static str, status: u16, reason: String },
    #[error(
        "{host}: expected the plugin threatsieve, got none; install it (`make deploy-plugin`) and restart the node"
    )]
    NoPlugin { host: String },
    /// The plugin's own word on a blacklist.
    #[error("{host}: the blacklist is refused ({kind}): {reason}")]
    Refused { host: String, kind: String, reason: String },
    #[error("{host}: expected {what}, got {status}: {reason}")]
    Answer { host: String, what: &'static str, status: u16, reason: String },
    /// An answer that says yes and then something else.
    #[error("{host}: expected {what}, got an answer of another kind: {got}")]
    Unfit { host: String, what: &'static str, got: String },
}

impl Fault {
    /// What the server said, without who said it.
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

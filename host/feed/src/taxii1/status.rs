//! Status messages, which a server sends with HTTP status 200 instead of the expected answer.

use std::fmt;
use std::time::Duration;

use super::node::Node;
use super::version::Version;
use crate::text::cut;

/// A status message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The type.
    pub kind: StatusType,
    /// Details for programs.
    pub details: Vec<StatusDetail>,
    /// A text for people.
    pub message: Option<String>,
}

/// A detail of a status message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusDetail {
    /// The name, such as `ESTIMATED_WAIT`. The detail of TAXII 1.0 has none.
    pub name: Option<String>,
    /// The value.
    pub value: String,
}

/// The type of a status message (TAXII Services Specification 1.1, section 4.2.1, table 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusType {
    /// An asynchronous poll failed.
    AsynchronousPollError,
    /// The server could not read the request.
    BadMessage,
    /// The credentials do not allow the request.
    Denied,
    /// The request does not name collections as the server's inbox requires.
    DestinationCollectionError,
    /// Any other failure.
    Failure,
    /// The result has no such part.
    InvalidResponsePart,
    /// The server could not deliver a result.
    NetworkError,
    /// The named collection, subscription or result does not exist.
    NotFound,
    /// The server prepares the result.
    Pending,
    /// The collection cannot be polled.
    PollingUnsupported,
    /// The request may succeed later.
    Retry,
    /// The request succeeded.
    Success,
    /// The request needs credentials.
    Unauthorized,
    /// The server does not support the message binding.
    UnsupportedMessage,
    /// The server does not support the content bindings.
    UnsupportedContent,
    /// The server does not support the protocol.
    UnsupportedProtocol,
    /// The server does not support the query.
    UnsupportedQuery,
    /// A type of the server's own.
    Other(String),
}

impl StatusType {
    /// All types of the specification.
    pub const ALL: [StatusType; 17] = [
        StatusType::AsynchronousPollError,
        StatusType::BadMessage,
        StatusType::Denied,
        StatusType::DestinationCollectionError,
        StatusType::Failure,
        StatusType::InvalidResponsePart,
        StatusType::NetworkError,
        StatusType::NotFound,
        StatusType::Pending,
        StatusType::PollingUnsupported,
        StatusType::Retry,
        StatusType::Success,
        StatusType::Unauthorized,
        StatusType::UnsupportedMessage,
        StatusType::UnsupportedContent,
        StatusType::UnsupportedProtocol,
        StatusType::UnsupportedQuery,
    ];

    /// Returns the type's name in messages.
    pub fn name(&self) -> &str {
        match self {
            StatusType::AsynchronousPollError => "ASYNCHRONOUS_POLL_ERROR",
            StatusType::BadMessage => "BAD_MESSAGE",
            StatusType::Denied => "DENIED",
            StatusType::DestinationCollectionError => "DESTINATION_COLLECTION_ERROR",
            StatusType::Failure => "FAILURE",
            StatusType::InvalidResponsePart => "INVALID_RESPONSE_PART",
            StatusType::NetworkError => "NETWORK_ERROR",
            StatusType::NotFound => "NOT_FOUND",
            StatusType::Pending => "PENDING",
            StatusType::PollingUnsupported => "POLLING_UNSUPPORTED",
            StatusType::Retry => "RETRY",
            StatusType::Success => "SUCCESS",
            StatusType::Unauthorized => "UNAUTHORIZED",
            StatusType::UnsupportedMessage => "UNSUPPORTED_MESSAGE",
            StatusType::UnsupportedContent => "UNSUPPORTED_CONTENT",
            StatusType::UnsupportedProtocol => "UNSUPPORTED_PROTOCOL",
            StatusType::UnsupportedQuery => "UNSUPPORTED_QUERY",
            StatusType::Other(name) => name,
        }
    }

    fn of_name(name: &str) -> StatusType {
        let known = StatusType::ALL.into_iter().find(|kind| kind.name() == name);
        known.unwrap_or_else(|| StatusType::Other(name.to_owned()))
    }
}

impl Status {
    pub(super) fn of(version: Version, node: &Node) -> Result<Status, super::MessageError> {
        let kind = StatusType::of_name(&node.required("status_type")?);
        let details = match (version, node.child("Status_Detail")) {
            (_, None) => Vec::new(),
            (Version::V10, Some(detail)) => {
                let value = detail.text.trim().to_owned();
                let detail = StatusDetail { name: None, value };
                Vec::from_iter((!detail.value.is_empty()).then_some(detail))
            }
            (Version::V11, Some(list)) => list.children("Detail").map(StatusDetail::of).collect(),
        };
        let message = node.text_of("Message").map(str::to_owned);
        Ok(Status { kind, details, message })
    }

    /// Returns the values of all details with a name.
    pub fn details<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.details.iter().filter(move |one| one.name.as_deref() == Some(name));
        named.map(|detail| detail.value.as_str())
    }

    /// Returns the time after which the server expects to have an answer: the estimated wait of
    /// RETRY and PENDING, which is in seconds. `None` if the server gives none that is a number.
    pub fn wait(&self) -> Option<Duration> {
        let unnamed = || {
            let is_retry = self.kind == StatusType::Retry;
            self.details.iter().find(|detail| is_retry && detail.name.is_none())
        };
        let seconds = self.details("ESTIMATED_WAIT").next();
        let seconds = seconds.or_else(|| Some(unnamed()?.value.as_str()))?;
        seconds.parse().ok().map(Duration::from_secs)
    }

    /// Returns the id under which a PENDING result can be fetched.
    pub fn result_id(&self) -> Option<&str> {
        self.details("RESULT_ID").next()
    }

    /// Returns whether the server will send a PENDING result by itself, so that it must not be
    /// fetched.
    pub fn will_push(&self) -> bool {
        self.details("WILL_PUSH").any(|value| matches!(value, "true" | "1"))
    }
}

impl StatusDetail {
    fn of(node: &Node) -> StatusDetail {
        let name = node.attribute("name").map(str::to_owned);
        StatusDetail { name, value: node.text.trim().to_owned() }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&cut(self.kind.name()))?;
        if let Some(message) = &self.message {
            write!(f, ", {:?}", cut(message))?;
        }
        for detail in &self.details {
            let name = detail.name.as_deref().unwrap_or("detail");
            write!(f, "; {} {:?}", cut(name), cut(&detail.value))?;
        }
        Ok(())
    }
}

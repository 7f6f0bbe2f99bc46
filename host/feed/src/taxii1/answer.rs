//! Answers of a server, in both versions.

use threatsieve_blacklist::Timestamp;

use super::error::MessageError;
use super::node::Node;
use super::status::Status;
use super::version::Version;
use crate::text::cut;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The version in which the server speaks.
    pub version: Version,
    /// The id of the request. Servers that could not read the request may invent it.
    pub in_response_to: Option<String>,
    /// The answer itself.
    pub body: Body,
}

/// The types of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Status_Message. It can follow any request.
    Status(Status),
    /// Discovery_Response.
    Services(Vec<Service>),
    /// Collection_Information_Response, or Feed_Information_Response of TAXII 1.0.
    Collections(Vec<Collection>),
    /// Subscription_Management_Response.
    Subscriptions(Subscriptions),
    /// Poll_Response. Its blocks were handed out before.
    Poll(PollResponse),
}

/// The address of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The id of the protocol.
    pub protocol: String,
    /// The address, which may be relative or belong to another server.
    pub address: String,
    /// The ids of the message bindings, see [`Version::message_binding`].
    pub message_bindings: Vec<String>,
}

/// A content binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The id, such as `urn:stix.mitre.org:xml:1.1.1`.
    pub id: String,
    /// Subtypes. None means all.
    pub subtypes: Vec<String>,
}

/// A service that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The type.
    pub kind: ServiceKind,
    /// The id of the version of TAXII, see [`Version::services`].
    pub version: String,
    /// The client may use the service. `None` if the server does not say.
    pub available: Option<bool>,
    /// The address.
    pub contact: Contact,
    /// Content that the service accepts. None means all.
    pub bindings: Vec<Binding>,
    /// The ids of the query formats.
    pub queries: Vec<String>,
    /// A text for people.
    pub message: Option<String>,
}

/// The type of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceKind {
    /// Lists services.
    Discovery,
    /// Lists collections and manages subscriptions (FEED_MANAGEMENT in TAXII 1.0).
    CollectionManagement,
    /// Takes content.
    Inbox,
    /// Gives content.
    Poll,
}

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The name.
    pub name: String,
    /// A text for people.
    pub description: Option<String>,
    /// The type.
    pub kind: CollectionKind,
    /// The client may use the collection. `None` if the server does not say.
    pub available: Option<bool>,
    /// The usual number of new blocks a day.
    pub volume: Option<u64>,
    /// Content of the collection. None means any.
    pub bindings: Vec<Binding>,
    /// Services for polling.
    pub polling: Vec<Contact>,
    /// Services for subscriptions.
    pub subscription: Vec<Contact>,
    /// Services that take content for the collection.
    pub inboxes: Vec<Contact>,
}

/// The type of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionKind {
    /// Blocks in the order of their timestamp labels.
    DataFeed,
    /// Blocks without an order. Begin and end labels may have no effect.
    DataSet,
}

/// The answer to a request about subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriptions {
    /// The name of the collection.
    pub collection: String,
    /// A text for people.
    pub message: Option<String>,
    /// The subscriptions.
    pub subscriptions: Vec<Subscription>,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The id, which a poll request names.
    pub id: String,
    /// The state.
    pub state: SubscriptionState,
    /// Accepted content. None means all.
    pub bindings: Vec<Binding>,
    /// Services for polling.
    pub polling: Vec<Contact>,
}

/// The state of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionState {
    /// In use.
    Active,
    /// Paused by the client.
    Paused,
    /// Ended.
    Unsubscribed,
}

/// A poll response, except its blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollResponse {
    /// The name of the collection.
    pub collection: String,
    /// The subscription.
    pub subscription_id: Option<String>,
    /// More parts follow.
    pub more: bool,
    /// The id of the result.
    pub result_id: Option<String>,
    /// The number of the part, from 1.
    pub part: Option<u64>,
    /// The begin of the period: blocks with this label are excluded in TAXII 1.1 and included in
    /// TAXII 1.0.
    pub begin: Option<Timestamp>,
    /// The end of the period. Blocks with this label are included. The next poll begins here.
    pub end: Option<Timestamp>,
    /// The number of records in the whole result.
    pub record_count: Option<RecordCount>,
    /// A text for people.
    pub message: Option<String>,
    /// The number of blocks in this message.
    pub blocks: u64,
}

/// A number of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordCount {
    /// The number.
    pub count: u64,
    /// There may be more.
    pub is_partial: bool,
}

impl Answer {
    pub(super) fn of(version: Version, node: &Node, blocks: u64) -> Result<Answer, MessageError> {
        let body = match node.name.as_str() {
            "Status_Message" => Body::Status(Status::of(version, node)?),
            "Discovery_Response" => Body::Services(all(node, "Service_Instance", Service::of)?),
            "Collection_Information_Response" => {
                Body::Collections(all(node, "Collection", Collection::of)?)
            }
            "Feed_Information_Response" => Body::Collections(all(node, "Feed", Collection::of)?),
            "Subscription_Management_Response" => Body::Subscriptions(Subscriptions::of(node)?),
            "Poll_Response" => Body::Poll(PollResponse::of(node, blocks)?),
            _ => return Err(MessageError::NotAnAnswer { got: cut(&node.name) }),
        };
        let in_response_to = node.attribute("in_response_to").map(str::to_owned);
        Ok(Answer { version, in_response_to, body })
    }
}

impl Contact {
    fn of(node: &Node) -> Result<Contact, MessageError> {
        let bindings = node.children("Message_Binding");
        Ok(Contact {
            protocol: node.required_text("Protocol_Binding")?,
            address: node.required_text("Address")?,
            message_bindings: bindings.map(|one| one.text.trim().to_owned()).collect(),
        })
    }

    /// Returns whether the service understands messages of a version.
    pub fn understands(&self, version: Version) -> bool {
        self.message_bindings.iter().any(|id| id == version.message_binding())
    }

    /// Returns whether the service is reached over HTTP or HTTPS.
    pub fn is_http(&self) -> bool {
        [true, false].map(Version::protocol).contains(&self.protocol.as_str())
    }
}

impl Binding {
    /// TAXII 1.1 has the id in an attribute, 1.0 in the text.
    fn of(node: &Node) -> Result<Binding, MessageError> {
        let text = Some(node.text.trim()).filter(|text| !text.is_empty());
        let id = node.attribute("binding_id").or(text);
        let id = id.ok_or_else(|| node.missing("binding_id"))?.to_owned();
        let subtypes = node.children("Subtype").map(|one| one.required("subtype_id"));
        Ok(Binding { id, subtypes: subtypes.collect::<Result<_, _>>()? })
    }
}

impl Service {
    fn of(node: &Node) -> Result<Service, MessageError> {
        let expected = "DISCOVERY, COLLECTION_MANAGEMENT, FEED_MANAGEMENT, INBOX or POLL";
        let kind = match node.required("service_type")?.as_str() {
            "DISCOVERY" => ServiceKind::Discovery,
            "COLLECTION_MANAGEMENT" | "FEED_MANAGEMENT" => ServiceKind::CollectionManagement,
            "INBOX" => ServiceKind::Inbox,
            "POLL" => ServiceKind::Poll,
            got => return Err(node.invalid("service_type", expected, got)),
        };
        let queries = node.children("Supported_Query");
        Ok(Service {
            kind,
            version: node.required("service_version")?,
            available: available(node)?,
            contact: Contact::of(node)?,
            bindings: all(node, "Content_Binding", Binding::of)?,
            queries: queries.map(|one| one.required("format_id")).collect::<Result<_, _>>()?,
            message: node.text_of("Message").map(str::to_owned),
        })
    }
}

impl Collection {
    fn of(node: &Node) -> Result<Collection, MessageError> {
        let name = match node.name.as_str() {
            "Feed" => node.required("feed_name")?,
            _ => node.required("collection_name")?,
        };
        let kind = match node.attribute("collection_type") {
            None | Some("DATA_FEED") => CollectionKind::DataFeed,
            Some("DATA_SET") => CollectionKind::DataSet,
            Some(got) => {
                return Err(node.invalid("collection_type", "DATA_FEED or DATA_SET", got));
            }
        };
        Ok(Collection {
            name,
            description: node.text_of("Description").map(str::to_owned),
            kind,
            available: available(node)?,
            volume: node.count("Collection_Volume")?,
            bindings: all(node, "Content_Binding", Binding::of)?,
            polling: all(node, "Polling_Service", Contact::of)?,
            subscription: all(node, "Subscription_Service", Contact::of)?,
            inboxes: all(node, "Receiving_Inbox_Service", Contact::of)?,
        })
    }
}

impl Subscriptions {
    fn of(node: &Node) -> Result<Subscriptions, MessageError> {
        Ok(Subscriptions {
            collection: collection_of(node)?,
            message: node.text_of("Message").map(str::to_owned),
            subscriptions: all(node, "Subscription", Subscription::of)?,
        })
    }
}

impl Subscription {
    fn of(node: &Node) -> Result<Subscription, MessageError> {
        let state = match node.attribute("status") {
            None | Some("ACTIVE") => SubscriptionState::Active,
            Some("PAUSED") => SubscriptionState::Paused,
            Some("UNSUBSCRIBED") => SubscriptionState::Unsubscribed,
            Some(got) => {
                return Err(node.invalid("status", "ACTIVE, PAUSED or UNSUBSCRIBED", got));
            }
        };
        let id = match node.attribute("subscription_id") {
            Some(id) => id.to_owned(),
            None => node.required_text("Subscription_ID")?,
        };
        let parameters = node.child("Subscription_Parameters").or(node.child("Push_Parameters"));
        let bindings = parameters.map(|one| all(one, "Content_Binding", Binding::of));
        Ok(Subscription {
            id,
            state,
            bindings: bindings.transpose()?.unwrap_or_default(),
            polling: all(node, "Poll_Instance", Contact::of)?,
        })
    }
}

impl PollResponse {
    fn of(node: &Node, blocks: u64) -> Result<PollResponse, MessageError> {
        let subscription = node.attribute("subscription_id");
        let subscription = subscription.or(node.text_of("Subscription_ID"));
        let begin = match node.label("Exclusive_Begin_Timestamp")? {
            Some(begin) => Some(begin),
            None => node.label("Inclusive_Begin_Timestamp")?,
        };
        let count = node.count("Record_Count")?;
        let is_partial = node.child("Record_Count").map(|one| one.flag("partial_count", false));
        let is_partial = is_partial.transpose()?.unwrap_or(false);
        Ok(PollResponse {
            collection: collection_of(node)?,
            subscription_id: subscription.map(str::to_owned),
            more: node.flag("more", false)?,
            result_id: node.attribute("result_id").map(str::to_owned),
            part: node.number("result_part_number")?,
            begin,
            end: node.label("Inclusive_End_Timestamp")?,
            record_count: count.map(|count| RecordCount { count, is_partial }),
            message: node.text_of("Message").map(str::to_owned),
            blocks,
        })
    }
}

/// Reads all children with a name.
fn all<T>(
    node: &Node,
    name: &'static str,
    read: fn(&Node) -> Result<T, MessageError>,
) -> Result<Vec<T>, MessageError> {
    node.children(name).map(read).collect()
}

/// Returns the name of the collection, which TAXII 1.0 calls a feed.
fn collection_of(node: &Node) -> Result<String, MessageError> {
    match node.attribute("feed_name") {
        Some(name) => Ok(name.to_owned()),
        None => node.required("collection_name"),
    }
}

fn available(node: &Node) -> Result<Option<bool>, MessageError> {
    let is_given = node.attribute("available").is_some();
    Ok(is_given.then_some(node.flag("available", true)?))
}

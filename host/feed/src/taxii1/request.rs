//! Requests of a client, in both versions.

use threatsieve_blacklist::Timestamp;

use super::answer::Binding;
use super::error::RequestError;
use super::version::Version;
use super::xml::{Attribute, Xml};

/// A request.
#[derive(Debug, Clone)]
pub enum Request {
    /// Asks for the services: Discovery_Request.
    Discovery,
    /// Asks for the collections: Collection_Information_Request, or Feed_Information_Request.
    Collections,
    /// Asks for content: Poll_Request.
    Poll(Poll),
    /// Asks for a part of a result: Poll_Fulfillment. Not in TAXII 1.0.
    Fulfillment {
        /// The name of the collection.
        collection: String,
        /// The id of the result.
        result_id: String,
        /// The number of the part, from 1.
        part: u32,
    },
    /// Manages a subscription: Subscription_Management_Request.
    Subscription {
        /// The name of the collection.
        collection: String,
        /// The action.
        action: Action,
        /// The id of the subscription; required except for SUBSCRIBE and STATUS.
        id: Option<String>,
        /// Wanted content, for SUBSCRIBE. None means all. TAXII 1.0 cannot express it without
        /// asking the server to push, so it is left out there.
        bindings: Vec<Binding>,
    },
    /// Sends content: Inbox_Message.
    Inbox(Inbox),
}

/// A poll request.
#[derive(Debug, Clone)]
pub struct Poll {
    /// The name of the collection.
    pub collection: String,
    /// The begin of the wanted period, without blocks that have this label (in TAXII 1.0, with
    /// them). `None` is the collection's begin.
    pub begin: Option<Timestamp>,
    /// The end of the wanted period, with blocks that have this label. `None` is now.
    pub end: Option<Timestamp>,
    /// The terms of the poll.
    pub by: PollBy,
}

/// The terms of a poll.
#[derive(Debug, Clone)]
pub enum PollBy {
    /// The terms of a subscription.
    Subscription(String),
    /// Terms of its own.
    Parameters {
        /// Content or counts.
        response: ResponseType,
        /// Accepted content. None means all.
        bindings: Vec<Binding>,
        /// The server may answer PENDING, and the client fetches the result later.
        allow_asynch: bool,
    },
}

/// The type of the answer to a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseType {
    /// Content.
    Full,
    /// Only the number of records. Not in TAXII 1.0.
    CountOnly,
}

/// An action on a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Subscribes.
    Subscribe,
    /// Ends a subscription.
    Unsubscribe,
    /// Pauses a subscription. Not in TAXII 1.0.
    Pause,
    /// Continues a subscription. Not in TAXII 1.0.
    Resume,
    /// Asks for the state of one or all subscriptions.
    Status,
}

/// Content for a server's inbox.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    /// The names of the collections that the content is for. Not in TAXII 1.0.
    pub collections: Vec<String>,
    /// A text for people.
    pub message: Option<String>,
    /// The subscription that the content is sent for.
    pub source: Option<SourceSubscription>,
    /// The blocks.
    pub blocks: Vec<OutBlock>,
}

/// The subscription that content is sent for.
#[derive(Debug, Clone)]
pub struct SourceSubscription {
    /// The name of the collection.
    pub collection: String,
    /// The id of the subscription.
    pub id: String,
    /// The begin of the period.
    pub begin: Option<Timestamp>,
    /// The end of the period. Required in TAXII 1.0.
    pub end: Option<Timestamp>,
}

/// A content block to send.
#[derive(Debug, Clone)]
pub struct OutBlock {
    /// The id of the content binding.
    pub binding: String,
    /// The subtype. Not in TAXII 1.0, where it is left out.
    pub subtype: Option<String>,
    /// The content.
    pub content: OutContent,
    /// The time of the content.
    pub label: Option<Timestamp>,
    /// A text for people. Not in TAXII 1.0, where it is left out.
    pub message: Option<String>,
}

/// Content to send.
#[derive(Debug, Clone)]
pub enum OutContent {
    /// An XML document, nested in the message.
    Xml(String),
    /// Any text, escaped.
    Text(String),
}

impl Action {
    /// All actions.
    pub const ALL: [Action; 5] =
        [Action::Subscribe, Action::Unsubscribe, Action::Pause, Action::Resume, Action::Status];

    /// Returns the action's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Action::Subscribe => "SUBSCRIBE",
            Action::Unsubscribe => "UNSUBSCRIBE",
            Action::Pause => "PAUSE",
            Action::Resume => "RESUME",
            Action::Status => "STATUS",
        }
    }
}

impl Request {
    /// Writes the request. `id` identifies it: a random number, since both versions allow one
    /// (TAXII 1.0 allows nothing else).
    ///
    /// # Errors
    ///
    /// Returns an error if the version has no such request, or if a text cannot be in XML.
    pub fn to_xml(&self, version: Version, id: u64) -> Result<String, RequestError> {
        let id = id.to_string();
        let id = ("message_id", id.as_str());
        match self {
            Request::Discovery => Ok(Xml::message(version, "Discovery_Request", &[id])?.finish()),
            Request::Collections => {
                let root = match version {
                    Version::V10 => "Feed_Information_Request",
                    Version::V11 => "Collection_Information_Request",
                };
                Ok(Xml::message(version, root, &[id])?.finish())
            }
            Request::Poll(poll) => poll.to_xml(version, id),
            Request::Fulfillment { collection, result_id, part } => {
                only_11(version, "Poll_Fulfillment")?;
                let part = part.to_string();
                let collection = ("collection_name", collection.as_str());
                let (result_id, part) =
                    (("result_id", result_id.as_str()), ("result_part_number", part.as_str()));
                let attributes = [id, collection, result_id, part];
                Ok(Xml::message(version, "Poll_Fulfillment", &attributes)?.finish())
            }
            Request::Subscription { collection, action, id: subscription, bindings } => {
                let subscription = subscription.as_deref();
                subscription_xml(version, id, collection, *action, subscription, bindings)
            }
            Request::Inbox(inbox) => inbox.to_xml(version, id),
        }
    }
}

impl Poll {
    fn to_xml(&self, version: Version, id: Attribute<'_>) -> Result<String, RequestError> {
        let mut attributes = vec![id, collection_attribute(version, &self.collection)];
        if let (Version::V10, PollBy::Subscription(subscription)) = (version, &self.by) {
            attributes.push(("subscription_id", subscription.as_str()));
        }
        let mut xml = Xml::message(version, "Poll_Request", &attributes)?;
        for (name, at) in
            [("Exclusive_Begin_Timestamp", self.begin), ("Inclusive_End_Timestamp", self.end)]
        {
            if let Some(at) = at {
                xml.label(name, at)?;
            }
        }
        match (&self.by, version) {
            (PollBy::Subscription(_), Version::V10) => {}
            (PollBy::Subscription(id), Version::V11) => xml.leaf("Subscription_ID", id)?,
            (PollBy::Parameters { response, bindings, .. }, Version::V10) => {
                if *response == ResponseType::CountOnly {
                    only_11(version, "poll for the number of records")?;
                }
                write_bindings(&mut xml, version, bindings)?;
            }
            (PollBy::Parameters { response, bindings, allow_asynch }, Version::V11) => {
                // The schema's name of the attribute has an `h` at its end.
                let allow_asynch = if *allow_asynch { "true" } else { "false" };
                xml.open("Poll_Parameters", &[("allow_asynch", allow_asynch)])?;
                let response = match response {
                    ResponseType::Full => "FULL",
                    ResponseType::CountOnly => "COUNT_ONLY",
                };
                xml.leaf("Response_Type", response)?;
                write_bindings(&mut xml, version, bindings)?;
                xml.close("Poll_Parameters");
            }
        }
        Ok(xml.finish())
    }
}

fn subscription_xml(
    version: Version,
    id: Attribute<'_>,
    collection: &str,
    action: Action,
    subscription: Option<&str>,
    bindings: &[Binding],
) -> Result<String, RequestError> {
    const ROOT: &str = "Subscription_Management_Request";
    match action {
        Action::Pause => only_11(version, "action PAUSE")?,
        Action::Resume => only_11(version, "action RESUME")?,
        _ => {}
    }
    if !matches!(action, Action::Subscribe | Action::Status) && subscription.is_none() {
        return Err(RequestError::Missing { message: ROOT, part: "the id of the subscription" });
    }
    let mut attributes = vec![id, ("action", action.name())];
    attributes.push(collection_attribute(version, collection));
    if let (Version::V10, Some(subscription)) = (version, subscription) {
        attributes.push(("subscription_id", subscription));
    }
    let mut xml = Xml::message(version, ROOT, &attributes)?;
    if version == Version::V11 {
        if let Some(subscription) = subscription {
            xml.leaf("Subscription_ID", subscription)?;
        }
        if action == Action::Subscribe {
            xml.open("Subscription_Parameters", &[])?;
            xml.leaf("Response_Type", "FULL")?;
            write_bindings(&mut xml, version, bindings)?;
            xml.close("Subscription_Parameters");
        }
    }
    Ok(xml.finish())
}

impl Inbox {
    fn to_xml(&self, version: Version, id: Attribute<'_>) -> Result<String, RequestError> {
        let mut xml = Xml::message(version, "Inbox_Message", &[id])?;
        for name in &self.collections {
            only_11(version, "Inbox_Message to a named collection")?;
            xml.leaf("Destination_Collection_Name", name)?;
        }
        if let Some(message) = &self.message {
            xml.leaf("Message", message)?;
        }
        if let Some(source) = &self.source {
            source.write(&mut xml, version)?;
        }
        if version == Version::V11 {
            xml.leaf("Record_Count", &self.blocks.len().to_string())?;
        }
        for block in &self.blocks {
            block.write(&mut xml, version)?;
        }
        Ok(xml.finish())
    }
}

impl SourceSubscription {
    fn write(&self, xml: &mut Xml, version: Version) -> Result<(), RequestError> {
        let mut attributes = vec![collection_attribute(version, &self.collection)];
        let begin = match version {
            Version::V10 => {
                attributes.push(("subscription_id", &self.id));
                "Inclusive_Begin_Timestamp"
            }
            Version::V11 => "Exclusive_Begin_Timestamp",
        };
        xml.open("Source_Subscription", &attributes)?;
        if version == Version::V11 {
            xml.leaf("Subscription_ID", &self.id)?;
        }
        if let Some(at) = self.begin {
            xml.label(begin, at)?;
        }
        match (self.end, version) {
            (Some(at), _) => xml.label("Inclusive_End_Timestamp", at)?,
            (None, Version::V10) => {
                let (message, part) = ("Inbox_Message", "the end of the subscription's period");
                return Err(RequestError::Missing { message, part });
            }
            (None, Version::V11) => {}
        }
        xml.close("Source_Subscription");
        Ok(())
    }
}

impl OutBlock {
    fn write(&self, xml: &mut Xml, version: Version) -> Result<(), RequestError> {
        xml.open("Content_Block", &[])?;
        let subtypes = self.subtype.iter().cloned().collect();
        let binding = Binding { id: self.binding.clone(), subtypes };
        write_bindings(xml, version, &[binding])?;
        xml.open("Content", &[])?;
        match &self.content {
            OutContent::Xml(document) => xml.document(document)?,
            OutContent::Text(text) => xml.escaped(text)?,
        }
        xml.close("Content");
        if let Some(at) = self.label {
            xml.label("Timestamp_Label", at)?;
        }
        if let (Version::V11, Some(message)) = (version, &self.message) {
            xml.leaf("Message", message)?;
        }
        xml.close("Content_Block");
        Ok(())
    }
}

/// Writes content bindings. TAXII 1.0 has no subtypes.
fn write_bindings(
    xml: &mut Xml,
    version: Version,
    bindings: &[Binding],
) -> Result<(), RequestError> {
    const NAME: &str = "Content_Binding";
    for binding in bindings {
        match version {
            Version::V10 => xml.leaf(NAME, &binding.id)?,
            Version::V11 => {
                xml.open(NAME, &[("binding_id", &binding.id)])?;
                for subtype in &binding.subtypes {
                    xml.open("Subtype", &[("subtype_id", subtype)])?;
                    xml.close("Subtype");
                }
                xml.close(NAME);
            }
        }
    }
    Ok(())
}

fn collection_attribute(version: Version, name: &str) -> Attribute<'_> {
    match version {
        Version::V10 => ("feed_name", name),
        Version::V11 => ("collection_name", name),
    }
}

fn only_11(version: Version, what: &'static str) -> Result<(), RequestError> {
    match version {
        Version::V10 => Err(RequestError::NotInVersion10 { what }),
        Version::V11 => Ok(()),
    }
}

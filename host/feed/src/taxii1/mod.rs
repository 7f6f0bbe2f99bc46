//! TAXII 1.0 and 1.1 messages: writes requests and reads answers. No I/O and no clock.
//!
//! - [`Request`] writes every message that a client sends. [`Version::headers`] returns the HTTP
//!   headers that go with it.
//! - [`read_message`] reads any answer. Content blocks of a poll response are handed out one by
//!   one, so an answer of any length is read in the memory of its largest block.
//! - [`Parts`] decides after each part of a result whether to ask for another one.
//!
//! Elements are recognised by namespace and local name, never by prefix. Document type definitions
//! and entities are refused, and [`MessageLimits`] bounds everything else. Sources: TAXII Services
//! Specification 1.1, TAXII XML Message Binding 1.0 and 1.1, TAXII HTTP Protocol Binding 1.0.

mod answer;
mod block;
mod bounded;
mod content;
mod error;
mod node;
mod parts;
mod request;
mod source;
mod status;
#[cfg(test)]
mod tests;
mod version;
mod xml;

pub use answer::{
    Answer, Binding, Body, Collection, CollectionKind, Contact, PollResponse, RecordCount, Service,
    ServiceKind, Subscription, SubscriptionState, Subscriptions,
};
pub use block::{Block, BlockFault, Content, read_message};
pub use error::{MessageError, RequestError};
pub use parts::{Next, Parts, Stopped};
pub use request::{
    Action, Inbox, OutBlock, OutContent, Poll, PollBy, Request, ResponseType, SourceSubscription,
};
pub use status::{Status, StatusDetail, StatusType};
pub use version::Version;

/// Limits on a message that is read.
#[derive(Debug, Clone)]
pub struct MessageLimits {
    /// Deepest nesting of elements.
    pub max_depth: u32,
    /// Largest content of a block, in bytes. A larger block is rejected and its message is read on,
    /// unless one text of the block alone is larger: that ends the reading.
    pub max_block_bytes: usize,
    /// Maximum number of blocks in a message.
    pub max_blocks: u64,
    /// Largest rest of a message, in bytes: everything except its blocks.
    pub max_frame_bytes: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        MessageLimits {
            max_depth: 256,
            max_block_bytes: 64 * 1024 * 1024,
            max_blocks: 1_000_000,
            max_frame_bytes: 16 * 1024 * 1024,
        }
    }
}

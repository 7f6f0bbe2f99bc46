//! Communication with an OpenSearch cluster.
//!
//! [`cluster`] sends requests to its hosts. [`publish`] pushes the blacklist in use to its nodes.
//! [`events`] reads and changes stored events. [`mappings`] checks whether its indices accept the
//! fields that matching events get.

pub(crate) mod cluster;
pub(crate) mod events;
pub(crate) mod mappings;
pub(crate) mod publish;

//! Everything that speaks with an OpenSearch cluster.
//!
//! [`cluster`] sends requests to its hosts, [`publish`] has its nodes serve the blacklist in use, and
//! [`mappings`] judges whether its indices take what matching events get.

pub(crate) mod cluster;
pub(crate) mod mappings;
pub(crate) mod publish;

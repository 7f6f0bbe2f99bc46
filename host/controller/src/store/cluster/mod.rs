//! The state of the indices of an OpenSearch cluster: how far the events of each shard are matched
//! and followed ([`shards`]), what newly counts ([`news`]), the documents whose flags are to be
//! written again ([`documents`]), indices that are left out ([`troubles`]), the claim to the
//! cluster ([`claim`]), and backfills that somebody asked for ([`backfills`]).

pub(crate) mod backfills;
pub(crate) mod claim;
pub(crate) mod documents;
pub(crate) mod news;
pub(crate) mod shards;
pub(crate) mod troubles;

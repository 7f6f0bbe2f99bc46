//! Comments that say that a list may be empty.

/// Parts of comments as their publishers write them.
const KNOWN: [&str; 2] = ["# END 0 entries", "# Number of entries: 0"];

/// Returns whether a comment says that the list may be empty.
pub(super) fn may_be_empty(comment: &str) -> bool {
    KNOWN.iter().any(|part| comment.contains(part))
}

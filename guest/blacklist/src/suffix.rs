//! Public suffixes.
//!
//! The list is code of about 700 KB, and the crate `psl` repeats it in each crate that calls it. So
//! all calls go through here.

use psl::Suffix;

/// Returns the public suffix of a name, by the list or by its default rule.
#[inline(never)]
pub(crate) fn public_suffix(name: &str) -> Option<Suffix<'_>> {
    psl::suffix(name.as_bytes())
}

/// Returns whether the list names a suffix of this name.
pub fn has_known_suffix(name: &str) -> bool {
    public_suffix(name).is_some_and(|suffix| suffix.is_known())
}

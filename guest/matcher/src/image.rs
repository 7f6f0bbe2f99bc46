//! Where the host has put the blacklist.

use std::sync::atomic::{AtomicU32, Ordering};

/// Address and length in bytes of the packed image; both 0 until the host's packer overwrites them with a data segment.
/// Atomics because the values are not those that the compiler sees here.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, unreachable_pub, reason = "exported by the core module under this very name")]
pub static threatsieve_blacklist: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// The packed image, if the host packed one.
pub(crate) fn packed() -> Option<&'static [u8]> {
    let [address, length] = &threatsieve_blacklist;
    let (address, length) = (address.load(Ordering::Relaxed), length.load(Ordering::Relaxed));
    if length == 0 {
        return None;
    }
    // SAFETY: the host's packer, trusted like the loader of a program, has made these bytes part of the initial memory, behind everything that
    // this module's linker and allocator know of; nothing writes to them. Were the numbers wrong, a read would trap or give
    // bytes that the reader checks: an instance can harm no memory but its own.
    Some(unsafe { std::slice::from_raw_parts(address as *const u8, length as usize) })
}

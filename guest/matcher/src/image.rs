//! The blacklist in the component's memory.

use core::arch::wasm32;

use threatsieve_blacklist::image::guest_bytes;

/// Size of a WebAssembly memory page in bytes (core specification, section 4.2.8).
const WASM_PAGE_BYTES: usize = 64 * 1024;
/// Bytes of the image that are read to learn its length.
const START_BYTES: usize = 64;

unsafe extern "C" {
    /// The end of the module's own memory, defined by the linker. Its address is its value.
    static __heap_end: u8;
}

/// Returns the image that the host has mapped, if there is one.
///
/// Before the first call the host maps it at the end of the module's own memory. The allocator
/// grows the memory after it.
pub(crate) fn mapped() -> Option<&'static [u8]> {
    let start = &raw const __heap_end;
    let room = wasm32::memory_size(0).saturating_mul(WASM_PAGE_BYTES).saturating_sub(start.addr());
    // SAFETY: these bytes are part of the memory. The host, which is trusted like the loader of a
    // program, has mapped the image there, and nothing writes to it. Without an image, the bytes
    // would be the allocator's. The reader checks what it reads, and an instance can harm no memory
    // but its own.
    let bytes = |length| unsafe { core::slice::from_raw_parts(start, length) };
    let length = guest_bytes(bytes(room.min(START_BYTES)))?;
    usize::try_from(length).ok().filter(|length| *length <= room).map(bytes)
}

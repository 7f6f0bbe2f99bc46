//! The blacklist in the component's memory.

use core::arch::wasm32;

use threatsieve_blacklist::image::guest_bytes;

/// The page that WebAssembly memory is counted in (core specification 4.2.8).
const WASM_PAGE_BYTES: usize = 64 * 1024;
/// Bytes of the image that are read to learn its length.
const START_BYTES: usize = 64;

unsafe extern "C" {
    /// The end of the module's own memory, defined by the linker. Its address is its value.
    static __heap_end: u8;
}

/// The image that the host has mapped, if there is one.
///
/// The host puts it where the module's own memory ends, before the first call. Memory that the
/// allocator asks for grows behind it.
pub(crate) fn mapped() -> Option<&'static [u8]> {
    let start = &raw const __heap_end;
    let room = wasm32::memory_size(0).saturating_mul(WASM_PAGE_BYTES).saturating_sub(start.addr());
    // SAFETY: these bytes are part of the memory. The host, trusted like the loader of a program,
    // has put the image there and nothing writes to it. Were there no image, the allocator's bytes
    // would be there: the reader checks what it reads, and an instance can harm no memory but its
    // own.
    let bytes = |length| unsafe { core::slice::from_raw_parts(start, length) };
    let length = guest_bytes(bytes(room.min(START_BYTES)))?;
    usize::try_from(length).ok().filter(|length| *length <= room).map(bytes)
}

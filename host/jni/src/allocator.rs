//! The allocator of this library's Rust code: a large block is a mapping of its own, which goes back to the system when it is freed.
//!
//! The C library's allocator, which the JVM uses too, learns from large blocks that come and go: it keeps up to 64 MiB of them for each
//! thread that ever had one. Loading a blacklist needs several for a second and then no more.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap_anonymous, mremap, munmap};

/// From this size on a block is mapped. Ordinary calls need none so large.
const LARGE_BYTES: usize = 1 << 20;
/// The smallest page there is; mappings start at pages.
const PAGE_BYTES: usize = 4096;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

struct Allocator;

fn is_mapped(layout: Layout) -> bool {
    layout.size() >= LARGE_BYTES && layout.align() <= PAGE_BYTES
}

/// Zeros, or null when the system gives no memory.
fn map(bytes: usize) -> *mut u8 {
    // SAFETY: a new mapping, wherever the system likes.
    let mapped = unsafe {
        mmap_anonymous(ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
    };
    mapped.map_or(ptr::null_mut(), |start| start.cast())
}

// SAFETY: a block's size and alignment alone decide whose it is, and both are told with it again when it is resized or freed. Mapped ones start at a page,
// which no alignment asked for exceeds.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout) {
            map(layout.size())
        } else {
            // SAFETY: as the caller promises.
            unsafe { System.alloc(layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_mapped(layout) {
            map(layout.size())
        } else {
            // SAFETY: as the caller promises.
            unsafe { System.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_mapped(layout) {
            // SAFETY: it was mapped with that size. Should the system refuse, it stays mapped.
            let _ = unsafe { munmap(block.cast(), layout.size()) };
        } else {
            // SAFETY: as the caller promises.
            unsafe { System.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (is_mapped(layout), is_mapped(new)) {
            // SAFETY: as the caller promises.
            (false, false) => unsafe { System.realloc(block, layout, bytes) },
            (true, true) => {
                // SAFETY: it was mapped with that size.
                let moved = unsafe { mremap(block.cast(), layout.size(), bytes, MremapFlags::MAYMOVE) };
                moved.map_or(ptr::null_mut(), |start| start.cast())
            }
            // SAFETY: both blocks have as many bytes as are copied, and the old one is given up only when there is a new one.
            _ => unsafe {
                let moved = self.alloc(new);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(block, moved, layout.size().min(bytes));
                    self.dealloc(block, layout);
                }
                moved
            },
        }
    }
}

/// Gives back to the system what is free of the C library's own memory: the compiler leaves some ten MB of small blocks behind, each time in the
/// arena of another thread. Takes milliseconds.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called at any time from any thread, and touches free memory alone.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grows and shrinks over the border, and keeps what is in it.
    #[test]
    fn blocks_keep_their_bytes() {
        let byte = |n: usize| (n * 31) as u8;
        let mut block: Vec<u8> = Vec::new();
        for bytes in [1, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1, 3 * LARGE_BYTES, 40 * LARGE_BYTES] {
            block.extend((block.len()..bytes).map(byte));
            block.shrink_to_fit();
            assert!(block.iter().enumerate().all(|(n, &found)| found == byte(n)), "{bytes}");
        }
        for bytes in [LARGE_BYTES + 7, LARGE_BYTES - 7, 9] {
            block.truncate(bytes);
            block.shrink_to_fit();
            assert!(block.iter().enumerate().all(|(n, &found)| found == byte(n)), "{bytes}");
        }
        assert!(vec![0u8; 5 * LARGE_BYTES].iter().all(|&byte| byte == 0));
    }

    #[test]
    fn what_cannot_be_had_is_an_error() {
        let mut block = vec![1u8; LARGE_BYTES];
        assert!(block.try_reserve_exact(isize::MAX as usize - LARGE_BYTES).is_err());
        assert!(Vec::<u8>::new().try_reserve_exact(1 << 62).is_err());
        assert_eq!(block, vec![1; LARGE_BYTES]);
    }

    #[test]
    fn wide_alignments_are_not_mapped() {
        let layout = Layout::from_size_align(LARGE_BYTES, 1 << 16).unwrap();
        // SAFETY: a block of that layout, given back as such.
        unsafe {
            let block = std::alloc::alloc(layout);
            assert_eq!(block as usize % layout.align(), 0);
            std::alloc::dealloc(block, layout);
        }
    }
}

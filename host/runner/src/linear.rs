//! The memory of an instance: the component's own part, then a blacklist's image.
//!
//! ```text
//! 0            own          own + image, rounded up to 64 KiB               4 GiB + guard
//! |-- own part --|-- image ----|-- grown on request --> |-- reserved, not accessible --|
//!   read, write    private map   read, write
//!                  of the file
//! ```
//!
//! The image is a private mapping of a sealed file. All instances share its pages. An instance that
//! writes to a page gets its own copy. The pages stay writable because a write to a read-only page
//! raises SIGSEGV, which a JVM does not survive. A component that writes there harms only its own
//! instance.

use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use crate::memory_file::MemoryFile;

/// The page size that WebAssembly memory grows by (core specification, section 4.2.8).
pub(crate) const WASM_PAGE_BYTES: usize = 64 * 1024;

/// A blacklist's image, and the total of the instances' own memory.
#[derive(Debug)]
pub(crate) struct Image {
    file: MemoryFile,
    bytes: usize,
    /// The bytes of all instances' memory without the image.
    own_bytes: AtomicUsize,
}

impl Image {
    /// The first `bytes` bytes of a file.
    pub(crate) fn new(file: MemoryFile, bytes: usize) -> Arc<Image> {
        debug_assert!(bytes <= file.as_ref().len());
        Arc::new(Image { file, bytes, own_bytes: AtomicUsize::new(0) })
    }

    /// The size of the image in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes that the image adds to each instance's memory: whole WebAssembly pages.
    pub(crate) fn mapped_bytes(&self) -> usize {
        self.bytes.next_multiple_of(WASM_PAGE_BYTES)
    }

    /// The bytes of all instances' memory without the image.
    pub(crate) fn own_bytes(&self) -> usize {
        self.own_bytes.load(Ordering::Relaxed)
    }
}

/// Creates memories that contain one image.
pub(crate) struct Creator(pub(crate) Arc<Image>);

// SAFETY: a memory is its own mapping, which nothing else touches until it is dropped. It starts at
// a page, its size is a multiple of a WebAssembly page, and it never moves. Everything after its
// size, up to the end of reservation and guard, is mapped without access.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let memory = Memory::new(self.0.clone(), minimum, reserved.unwrap_or(0), guard);
        memory.map(|memory| Box::new(memory) as Box<dyn LinearMemory>).map_err(|error| {
            let bytes = self.0.bytes;
            format!("cannot map a blacklist's image of {bytes} bytes into an instance: {error}")
        })
    }
}

struct Memory {
    image: Arc<Image>,
    base: NonNull<u8>,
    /// The number of accessible bytes.
    size: usize,
    /// The most bytes that the memory may have.
    capacity: usize,
    /// All bytes of the mapping, including the guard.
    mapped: usize,
}

// SAFETY: it owns its mapping, and only `&mut self` changes it.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Reserves the range, then makes the component's own part accessible and maps the image.
    fn new(
        image: Arc<Image>,
        own: usize,
        reserved: usize,
        guard: usize,
    ) -> Result<Memory, rustix::io::Errno> {
        let size = own + image.mapped_bytes();
        let capacity = reserved.max(size);
        let mapped = capacity + guard;
        let nothing = ProtFlags::empty();
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address that the system chooses.
        let base = unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), mapped, nothing, flags)? };
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        // From here on, dropping the memory unmaps it.
        let mut memory = Memory { image, base, size: 0, capacity, mapped };
        memory.make_accessible(size)?;
        memory.map_image(own)?;
        Ok(memory)
    }

    /// Maps the image at `at`, over the existing mapping.
    fn map_image(&mut self, at: usize) -> Result<(), rustix::io::Errno> {
        let bytes = self.image.bytes;
        if bytes == 0 {
            return Ok(());
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        let page = rustix::param::page_size();
        // SAFETY: `at` is a multiple of WebAssembly's page size and so of the system's. The range
        // is within this mapping, after the component's own part. The file has at least this many
        // bytes and keeps them, because it is sealed. Its last page contains further bytes of the
        // file. The component must not see them, so they are overwritten with zeros.
        unsafe {
            let start = self.base.as_ptr().add(at);
            rustix::mm::mmap(start.cast(), bytes, access, flags, &self.image.file, 0)?;
            let rest = bytes.next_multiple_of(page) - bytes;
            ptr::write_bytes(start.add(bytes), 0, rest);
        }
        Ok(())
    }

    /// Makes the first `size` bytes accessible. New ones read as zeros.
    fn make_accessible(&mut self, size: usize) -> Result<(), rustix::io::Errno> {
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the range is part of this mapping and has not been accessible before.
        unsafe {
            let start = self.base.as_ptr().add(self.size);
            rustix::mm::mprotect(start.cast(), size - self.size, access)?;
        }
        self.count(size);
        Ok(())
    }

    /// Sets the size and updates the total without the image.
    fn count(&mut self, size: usize) {
        let own = |size: usize| size.saturating_sub(self.image.mapped_bytes());
        let (before, after) = (own(self.size), own(size));
        self.image.own_bytes.fetch_add(after, Ordering::Relaxed);
        self.image.own_bytes.fetch_sub(before, Ordering::Relaxed);
        self.size = size;
    }
}

// SAFETY: see `Creator`.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, new_size: usize) -> wasmtime::Result<()> {
        if new_size > self.capacity {
            return Err(wasmtime::format_err!("{new_size} bytes, {} are reserved", self.capacity));
        }
        if new_size > self.size {
            self.make_accessible(new_size).map_err(std::io::Error::from)?;
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.count(0);
        // SAFETY: nothing refers to the mapping any more. If the system refuses, it stays.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.mapped) };
    }
}

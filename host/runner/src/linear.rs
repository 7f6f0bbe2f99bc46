//! The memory of an instance, with a blacklist's image behind the component's own part.
//!
//! ```text
//! 0            own            own + image, rounded up to 64 KiB                       4 GiB + guard
//! |-- own part --|-- image ----|-- grown on request --> |-- reserved, not accessible ---------|
//!   read, write    private map   read, write
//!                  of the file
//! ```
//!
//! The image is a private map of a sealed file. All instances share its pages until one writes to
//! them, and then it alone has a copy. The pages stay writable: a write to a read-only page raises
//! SIGSEGV, which a JVM does not survive. A component that writes there harms only its own instance.

use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use crate::memory_file::MemoryFile;

/// The page that WebAssembly memory grows by (core specification 4.2.8).
pub(crate) const WASM_PAGE_BYTES: usize = 64 * 1024;

/// A blacklist's image, and the count of what instances have besides it.
#[derive(Debug)]
pub(crate) struct Image {
    file: MemoryFile,
    bytes: usize,
    /// Bytes of all instances' memory besides the image.
    own_bytes: AtomicUsize,
}

impl Image {
    /// The first `bytes` bytes of a file.
    pub(crate) fn new(file: MemoryFile, bytes: usize) -> Arc<Image> {
        debug_assert!(bytes <= file.as_ref().len());
        Arc::new(Image { file, bytes, own_bytes: AtomicUsize::new(0) })
    }

    /// Bytes of the image.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes by which the image makes each instance's memory longer: whole WebAssembly pages.
    pub(crate) fn mapped_bytes(&self) -> usize {
        self.bytes.next_multiple_of(WASM_PAGE_BYTES)
    }

    /// Bytes of all instances' memory besides the image.
    pub(crate) fn own_bytes(&self) -> usize {
        self.own_bytes.load(Ordering::Relaxed)
    }
}

/// Makes memories with one image in them.
pub(crate) struct Creator(pub(crate) Arc<Image>);

// SAFETY: a memory is a mapping of its own that nothing else touches until it is dropped. It starts
// at a page, its size is a multiple of a WebAssembly page, it never moves, and everything behind
// its size up to the end of reservation and guard is mapped without access.
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
    /// Accessible bytes.
    size: usize,
    /// Bytes that the memory may have at most.
    capacity: usize,
    /// All bytes of the mapping, the guard included.
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
        // SAFETY: a new mapping, wherever the system likes.
        let base = unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), mapped, nothing, flags)? };
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        // From here on dropping the memory unmaps it.
        let mut memory = Memory { image, base, size: 0, capacity, mapped };
        memory.make_accessible(size)?;
        memory.map_image(own)?;
        Ok(memory)
    }

    /// Maps the image at `at`, over what is there.
    fn map_image(&mut self, at: usize) -> Result<(), rustix::io::Errno> {
        let bytes = self.image.bytes;
        if bytes == 0 {
            return Ok(());
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED;
        let page = rustix::param::page_size();
        // SAFETY: `at` is a multiple of WebAssembly's page and so of the system's. The range lies
        // within this mapping, behind the component's own part. The file has that many bytes and
        // keeps them: it is sealed. Its last page goes on with the file's next bytes, which are
        // not the component's business and are overwritten with zeros.
        unsafe {
            let start = self.base.as_ptr().add(at);
            rustix::mm::mmap(start.cast(), bytes, access, flags, &self.image.file, 0)?;
            let rest = bytes.next_multiple_of(page) - bytes;
            ptr::write_bytes(start.add(bytes), 0, rest);
        }
        Ok(())
    }

    /// Makes the first `size` bytes accessible. What is new reads as zeros.
    fn make_accessible(&mut self, size: usize) -> Result<(), rustix::io::Errno> {
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the range is part of this mapping, and has not been accessible before.
        unsafe {
            let start = self.base.as_ptr().add(self.size);
            rustix::mm::mprotect(start.cast(), size - self.size, access)?;
        }
        self.count(size);
        Ok(())
    }

    /// Sets the size, and counts what it is besides the image.
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
        // SAFETY: nothing refers to the mapping any more. Should the system refuse, it stays.
        let _ = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.mapped) };
    }
}

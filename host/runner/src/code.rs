//! Machine code of a packed component: compiled here, from bytes verified here, and mapped from a place that nobody else can write to.
//!
//! Loading machine code trusts it entirely, so it is never taken from outside. It is compiled from the embedded component and a verified
//! blacklist, and kept either in a memory file that is sealed before it is mapped (nobody, this process included, can change or shorten it under the
//! map), or in a directory that is this user's alone ([`crate::cache`]). Both are mapped through `/proc/self/fd`, which names the very file
//! that was sealed or verified.
//!
//! # Memory
//!
//! For an image of n bytes compiling peaks at three times n: the packed component, the object file as it is built, and its final bytes. Then one n
//! is left, the memory file or the page cache of the file on disk, and every instance maps that one.

use std::borrow::Cow;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::{Directory, Key};
use crate::error::RunnerError;
use crate::options::CodeCache;
use crate::pack::Packing;

/// The compiler recurses over what it compiles, and the caller's stack may be a Java thread's.
const COMPILER_STACK_BYTES: usize = 8 * 1024 * 1024;

/// Where a runner's compiled code comes from and goes to.
pub(crate) struct CodeStore {
    engine: Engine,
    component: Cow<'static, [u8]>,
    component_digest: blake3::Hash,
    cache: CodeCache,
}

impl CodeStore {
    pub(crate) fn new(engine: &Engine, component: Cow<'static, [u8]>, cache: &CodeCache) -> CodeStore {
        let component_digest = blake3::hash(&component);
        CodeStore { engine: engine.clone(), component, component_digest, cache: cache.clone() }
    }

    /// The component before packing.
    pub(crate) fn component(&self) -> &[u8] {
        &self.component
    }

    /// The packed component's code, mapped; compiled if the cache has it not. `digest` identifies the blacklist.
    pub(crate) fn compiled(
        &self,
        packing: &Packing<'_>,
        digest: &[u8; 32],
    ) -> Result<Component, RunnerError> {
        match &self.cache {
            CodeCache::Memfd => {
                let code = self.compile(packing)?;
                let file =
                    sealed(&code, digest).map_err(|(step, source)| RunnerError::Memfd { step, source })?;
                drop(code);
                self.map(file.as_fd())
            }
            CodeCache::Directory(path) => {
                let refused = |source| RunnerError::Cache { path: path.clone(), source };
                let directory = Directory::open(path).map_err(refused)?;
                let key = self.key(digest);
                if let Some(file) = directory.find(&key).map_err(refused)? {
                    // What verifies and still does not load was made by a runtime that this one does not take; it is compiled anew.
                    if let Ok(component) = self.map(file.as_fd()) {
                        return Ok(component);
                    }
                }
                let code = self.compile(packing)?;
                let file = directory.store(&key, &code).map_err(refused)?;
                drop(code);
                self.map(file.as_fd())
            }
        }
    }

    fn compile(&self, packing: &Packing<'_>) -> Result<Vec<u8>, RunnerError> {
        let bytes = packing.packed_bytes();
        let mut packed = Vec::new();
        packed.try_reserve_exact(bytes).map_err(|_| RunnerError::Memory { bytes })?;
        // A vector with room takes every byte.
        packing.write_to(&mut packed).map_err(|_| RunnerError::Memory { bytes })?;
        let compiled = std::thread::scope(|scope| {
            let work = || self.engine.precompile_component(&packed);
            let compiler = std::thread::Builder::new()
                .name("matcher-compile".to_owned())
                .stack_size(COMPILER_STACK_BYTES);
            compiler.spawn_scoped(scope, work).map(|thread| thread.join())
        });
        match compiled.map_err(RunnerError::CompilerThread)? {
            Ok(code) => code.map_err(RunnerError::Compile),
            // The panic's own message is on standard error.
            Err(_) => Err(RunnerError::Compile(wasmtime::format_err!("the compiler panicked"))),
        }
    }

    fn map(&self, file: BorrowedFd<'_>) -> Result<Component, RunnerError> {
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        // SAFETY: the file holds what `precompile_component` gave for this configuration: either it was written a moment ago, or its digest says so
        // and it lies where only this user can write. A memory file is sealed; a cached one is only ever renamed into place and unlinked, never written again.
        unsafe { Component::deserialize_file(&self.engine, path) }.map_err(RunnerError::Load)
    }

    /// What the code depends on: the blacklist, the component, and of the runtime its version, its configuration and the processor's features.
    fn key(&self, digest: &[u8; 32]) -> Key {
        let mut hasher = Blake3(blake3::Hasher::new_derive_key(
            "threatsieve 2026 key of compiled matcher code, version 1",
        ));
        hasher.write(digest);
        hasher.write(self.component_digest.as_bytes());
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        Key(hasher.0.finalize().into())
    }
}

/// Feeds what implements [`Hash`] to BLAKE3, 64 bits being too few for a name that is trusted.
struct Blake3(blake3::Hasher);

impl Hasher for Blake3 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.0.finalize().as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A memory file with these contents that can no longer be changed. Its name, which `/proc/PID/maps` shows, starts the blacklist's digest.
fn sealed(code: &[u8], digest: &[u8; 32]) -> Result<OwnedFd, (&'static str, io::Error)> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let name = format!("threatsieve-{:.16}", blake3::Hash::from_bytes(*digest).to_hex().as_str());
    let file = rustix::fs::memfd_create(name, flags).map_err(|e| ("memfd_create", e.into()))?;
    let mut file = File::from(file);
    file.write_all(code).map_err(|e| ("write", e))?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(|e| ("fcntl F_ADD_SEALS", e.into()))?;
    Ok(file.into())
}

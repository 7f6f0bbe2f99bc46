//! Machine code of the matcher, compiled when this crate is built.
//!
//! Loading machine code means trusting it entirely. It is therefore part of the program: the build
//! script compiles it from `guest/matcher`, and this module embeds it with `include_bytes!`. No
//! file, environment variable or message can replace it, and the program has no compiler that could
//! produce other code.

use wasmtime::Engine;
use wasmtime::component::Component;

/// The matcher itself.
pub static MATCHER: Code = Code {
    with_signals: include_bytes!(concat!(env!("OUT_DIR"), "/matcher.signals.code")),
    with_checks: include_bytes!(concat!(env!("OUT_DIR"), "/matcher.checks.code")),
};

/// Machine code of one component in both forms.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    with_signals: &'static [u8],
    with_checks: &'static [u8],
}

impl Code {
    /// Machine code of another component, for tests of the limits with hostile ones.
    ///
    /// # Safety
    ///
    /// The build script of this crate must have built both: `with_signals` for traps found by
    /// signal handlers, and `with_checks` for explicit checks.
    #[doc(hidden)]
    pub const unsafe fn new(with_signals: &'static [u8], with_checks: &'static [u8]) -> Code {
        Code { with_signals, with_checks }
    }

    /// Loads the form that suits the engine: about 1 ms.
    pub(crate) fn load(self, engine: &Engine) -> Result<Component, wasmtime::Error> {
        let bytes = match engine.get_signals_based_traps() {
            true => self.with_signals,
            false => self.with_checks,
        };
        // SAFETY: the bytes are part of this program. The build script produced them with
        // `precompile_component` of the same wasmtime version. wasmtime checks version, settings
        // and processor features again.
        unsafe { Component::deserialize(engine, bytes) }
    }
}

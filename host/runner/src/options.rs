//! What a host can choose.

use std::time::Duration;

/// How a [`crate::Runner`] behaves.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// Whether traps may be found by signal handlers (SIGSEGV, SIGILL, SIGFPE), which is faster, and which a JVM does not bear. Default: true.
    pub signal_traps: bool,
    /// The longest a call may take; it is stopped between this and an eighth more. At least 8 ms. Default: 2 s.
    pub deadline: Duration,
    /// Memory that one instance may use besides the blacklist, in bytes. Default: 64 MiB, eight times the largest batch.
    pub memory_ceiling_bytes: usize,
    /// Native stack that one call may use in the component, in bytes. Default: 256 KiB, a quarter of a Java thread's usual 1 MiB.
    pub stack_bytes: usize,
    /// Idle instances that are kept for the next call. More callers than that at one time are still
    /// served, each by an instance that is made for the call (about 0.2 ms) and dropped after it, so
    /// callers never wait for each other. Default: the number of processors.
    pub instances: usize,
}

impl Default for RunnerOptions {
    fn default() -> RunnerOptions {
        RunnerOptions {
            signal_traps: true,
            deadline: Duration::from_secs(2),
            memory_ceiling_bytes: 64 * 1024 * 1024,
            stack_bytes: 256 * 1024,
            instances: std::thread::available_parallelism().map_or(4, usize::from),
        }
    }
}

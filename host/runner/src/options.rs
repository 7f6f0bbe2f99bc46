//! Options of a host.

use std::time::Duration;

/// Options of a [`crate::Runner`].
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// True if signal handlers (SIGSEGV, SIGILL, SIGFPE) find traps. This is faster, but a JVM does
    /// not allow it. Default: true.
    pub signal_traps: bool,
    /// The longest time for a call. It is stopped between this and an eighth more. At least 8 ms.
    /// Default: 2 s.
    pub deadline: Duration,
    /// The memory that one instance may use besides the blacklist, in bytes. Default: 64 MiB, eight
    /// times the largest batch.
    pub memory_ceiling_bytes: usize,
    /// The native stack that one call may use in the component, in bytes. Default: 256 KiB, a
    /// quarter of a Java thread's usual 1 MiB.
    pub stack_bytes: usize,
    /// The number of idle instances kept for the next call. More callers at one time are still
    /// served, each by an instance that is created for the call (about 0.2 ms) and dropped after
    /// it. So callers never wait for each other. Default: the number of processors.
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

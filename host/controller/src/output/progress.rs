//! A progress line on the terminal, for work that takes longer than a second.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::text::{clipped, grouped, sized};

/// Delay before the line is first shown.
const FIRST: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(250);

/// The work done so far. The workers update it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Bytes read, before unpacking.
    pub(crate) bytes: AtomicU64,
    pub(crate) lines: AtomicU64,
    pub(crate) matches: AtomicU64,
    /// The name of what is being worked on.
    pub(crate) what: RwLock<String>,
}

impl Done {
    pub(crate) fn set_what(&self, what: &str) {
        what.clone_into(&mut self.what.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn line(&self, elapsed: Duration) -> String {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let rate = bytes as f64 / elapsed.as_secs_f64();
        let what = self.what.read().unwrap_or_else(PoisonError::into_inner);
        if bytes == 0 {
            return format!("{} s  {}", elapsed.as_secs(), clipped(what.as_bytes(), 60));
        }
        format!(
            "{} s, {} ({}/s), {} lines, {} matching  {}",
            elapsed.as_secs(),
            sized(bytes),
            sized(rate as u64),
            grouped(self.lines.load(Ordering::Relaxed)),
            grouped(self.matches.load(Ordering::Relaxed)),
            clipped(what.as_bytes(), 40)
        )
    }
}

/// Shows progress until it is dropped. Shows nothing unless standard error is a terminal.
pub(crate) struct Progress {
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Starts to show progress. With `stdout_too`, results are printed meanwhile. If they go to a
    /// terminal too, no progress is shown, because it would be mixed with them.
    pub(crate) fn start(done: &Arc<Done>, stdout_too: bool) -> Progress {
        let stderr = io::stderr();
        if !stderr.is_terminal() || stdout_too && io::stdout().is_terminal() {
            return Progress { shown: None };
        }
        let (over, is_over) = channel::<()>();
        let done = Arc::clone(done);
        let show = thread::spawn(move || {
            let start = Instant::now();
            let mut pause = FIRST;
            while is_over.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                // A terminal that is gone is no reason to stop the work.
                let _ = write!(stderr.lock(), "\r\x1b[K{}", done.line(start.elapsed()));
                pause = EVERY;
            }
            if pause == EVERY {
                let _ = write!(stderr.lock(), "\r\x1b[K");
            }
        });
        Progress { shown: Some((over, show)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((over, show)) = self.shown.take() {
            drop(over);
            let _ = show.join();
        }
    }
}

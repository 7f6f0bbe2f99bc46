//! The configuration and the state, as commands open them.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use threatsieve_blacklist::Timestamp;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{ConfigError, Loaded, load};
use crate::exit::Failure;
use crate::output::note;
use crate::stop::Stop;
use crate::store::private;
use crate::text::{counted, escape_controls};

/// Loads a configuration. Prints its problems, each with its place in the file, and returns `None`
/// if there are any.
pub(super) fn loaded(path: &Path) -> Result<Option<Loaded>, Failure> {
    match load(path) {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|warning| note(warning));
            Ok(Some(loaded))
        }
        Err(ConfigError::Wrong { text, count }) => {
            // The lines have no control characters. If standard error is closed, nobody reads them.
            let found = counted(count as u64, "problem", "problems");
            let _ = writeln!(
                std::io::stderr().lock(),
                "{text}\nthreatsieve: {found} in {}",
                escape_controls(&path.display().to_string())
            );
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The current time.
pub(super) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_microsecond())
}

/// The threads that poll feeds and send mail. There are two, so that one can store a delivery while
/// the other fetches.
pub(super) fn network_runtime() -> anyhow::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().context("cannot start network threads")
}

/// Requests the stop on SIGTERM and SIGINT. The program stops at the next safe point.
pub(super) fn stop_on_signals(runtime: &Runtime, stop: &Stop) -> anyhow::Result<()> {
    let _guard = runtime.enter();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, stop) =
            (signal(kind).context("signals cannot be waited for")?, stop.clone());
        runtime.spawn(async move {
            signals.recv().await;
            stop.request();
        });
    }
    Ok(())
}

/// The lock of a state, so that rounds never overlap. Released when dropped, or when the process
/// ends.
///
/// The folder itself is locked, since a lock on a file is lost when somebody deletes the file. The
/// file `lock` is locked as well: some network file systems cannot lock folders, and `fuser` shows
/// which process holds it.
pub(super) struct RoundLock {
    #[expect(dead_code, reason = "held, not used")]
    held: [File; 2],
}

impl RoundLock {
    /// Takes the lock of a state's folder; returns `None` if another process has it.
    pub(super) fn take(state: &Path) -> anyhow::Result<Option<RoundLock>> {
        let path = state.join("lock");
        let open = || {
            private::create_folder(state)?;
            let mut options = File::options();
            options.create(true).truncate(false).write(true).mode(private::FILE_MODE);
            Ok::<_, std::io::Error>([File::open(state)?, options.open(&path)?])
        };
        let held = open().with_context(|| format!("{}: cannot open the lock", path.display()))?;
        let [folder, file] =
            held.each_ref().map(|file| flock(file, FlockOperation::NonBlockingLockExclusive));
        match (folder, file) {
            (Err(Errno::WOULDBLOCK), _) | (_, Err(Errno::WOULDBLOCK)) => Ok(None),
            (_, Ok(())) => Ok(Some(RoundLock { held })),
            (_, Err(error)) => {
                Err(error).with_context(|| format!("{}: cannot take the lock", path.display()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_holds_when_its_file_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let held = RoundLock::take(&state).unwrap().unwrap();
        assert!(RoundLock::take(&state).unwrap().is_none());
        std::fs::remove_file(state.join("lock")).unwrap();
        assert!(RoundLock::take(&state).unwrap().is_none());
        drop(held);
        assert!(RoundLock::take(&state).unwrap().is_some());
    }
}

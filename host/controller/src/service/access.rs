//! The state, for requests. They read it with connections of their own, alongside a round, and
//! change it as commands do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Service;
use crate::config::Config;
use crate::store::{Store, is_busy, is_overdue};

/// Maximum number of requests that read the state at once. Others wait.
const MAX_READERS: usize = 4;
/// Maximum number of requests that wait for their turn.
const MAX_WAITING: usize = 64;
/// Longest wait of a request for its turn.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Longest time for which a request reads the state. Until it ends, the log of changes grows.
const MAX_READ: Duration = Duration::from_secs(20);

/// The turns of requests that use the state.
#[derive(Debug)]
pub(super) struct Turns {
    readers: Semaphore,
    /// One request changes the state at a time.
    writer: Semaphore,
    /// Those that have a turn or wait for one.
    all: Semaphore,
}

impl Turns {
    pub(super) fn new() -> Turns {
        Turns {
            readers: Semaphore::new(MAX_READERS),
            writer: Semaphore::new(1),
            all: Semaphore::new(MAX_WAITING),
        }
    }
}

/// A reason why a request did not get what it asked of the state.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// Too many requests wait, or a round changes the state for long.
    Busy,
    /// Reading took too long.
    Overdue,
    /// The state cannot be used, or what was asked for cannot be done.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Unserved {
    fn from(error: anyhow::Error) -> Unserved {
        match error {
            error if is_overdue(&error) => Unserved::Overdue,
            error if is_busy(&error) => Unserved::Busy,
            error => Unserved::Failed(error),
        }
    }
}

impl Service {
    /// Reads the state as it was at one moment, with the configuration in use. A round goes on
    /// meanwhile.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Service>,
        read: impl FnOnce(&Store, &Config) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Unserved> {
        let service = Arc::clone(self);
        let work = move || {
            let in_use = service.in_use();
            let end = Instant::now() + MAX_READ;
            let store = Store::open_to_read_until(&in_use.config.state, end)?;
            let snapshot = store.snapshot()?;
            let read = read(&store, &in_use.config);
            drop(snapshot);
            read
        };
        self.in_turn(&self.turns.readers, work).await
    }

    /// Changes the state, with the configuration in use. The change waits for transactions of a
    /// round, and takes effect with the next one.
    pub(crate) async fn change<T: Send + 'static>(
        self: &Arc<Service>,
        change: impl FnOnce(&mut Store, &Config) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Unserved> {
        let service = Arc::clone(self);
        let work = move || {
            let in_use = service.in_use();
            change(&mut Store::open(&in_use.config.state)?, &in_use.config)
        };
        self.in_turn(&self.turns.writer, work).await
    }

    /// Does work on a thread of its own, when it is its turn.
    async fn in_turn<T: Send + 'static>(
        self: &Arc<Service>,
        turns: &Semaphore,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Unserved> {
        let Ok(_place) = self.turns.all.try_acquire() else { return Err(Unserved::Busy) };
        let turn = tokio::time::timeout(MAX_WAIT, turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(Unserved::Busy) };
        // A request that is given up leaves its thread to work to its end, and its turn free. The
        // limit on reading time bounds the number of such threads.
        spawn_blocking(work).await.map_err(anyhow::Error::from)?.map_err(Unserved::from)
    }
}

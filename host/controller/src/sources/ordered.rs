//! Runs jobs on all cores, and returns their results in the order of the jobs, in bounded memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

/// Number of jobs of usual size in flight for each worker: one in work, one waiting, and room while
/// another job takes longer.
const JOBS_A_WORKER: usize = 4;

/// Emits results in the order of their jobs.
struct Turnstile<'a, Out, Emit> {
    state: Mutex<State<Out, Emit>>,
    moved: Condvar,
    stop: &'a AtomicBool,
    /// One permit is returned for each unit of cost, when a job's last result is emitted.
    permits: Sender<()>,
}

struct State<Out, Emit> {
    /// The job whose results are emitted now.
    turn: u64,
    /// Jobs that have finished before their turn.
    done: BTreeMap<u64, Done<Out>>,
    emit: Emit,
}

struct Done<Out> {
    /// The last result, or `None` if the job was dropped.
    out: Option<Out>,
    cost: usize,
}

impl<Out, Emit: FnMut(Out) -> ControlFlow<()>> Turnstile<'_, Out, Emit> {
    fn lock(&self) -> MutexGuard<'_, State<Out, Emit>> {
        // Poisoned only by a panic in `emit`. That stops all work, and the scope passes the panic
        // on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.moved.notify_all();
    }

    fn emit(&self, state: &mut State<Out, Emit>, out: Out) {
        if !self.stopped() && (state.emit)(out).is_break() {
            self.stop();
        }
    }

    /// Emits a result that is not the job's last. Waits for the job's turn.
    fn part(&self, job: u64, out: Out) -> ControlFlow<()> {
        let mut state = self.lock();
        while state.turn != job && !self.stopped() {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.emit(&mut state, out);
        if self.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Stores a job's last result, and emits all results whose turn has come.
    fn last(&self, job: u64, done: Done<Out>) {
        let mut state = self.lock();
        state.done.insert(job, done);
        loop {
            let turn = state.turn;
            let Some(done) = state.done.remove(&turn) else { break };
            if let Some(out) = done.out {
                self.emit(&mut state, out);
            }
            state.turn += 1;
            for _ in 0..done.cost {
                // There is room for all permits. If the receiver is gone already, no permits are
                // needed.
                let _ = self.permits.try_send(());
            }
        }
        self.moved.notify_all();
    }
}

/// Emits results of a job before its end.
pub(crate) struct Parts<'a, Out> {
    send: &'a dyn Fn(Out) -> ControlFlow<()>,
}

impl<Out> Parts<'_, Out> {
    /// Emits a part of the job's results. Waits for the job's turn. Returns `Break` if all work is
    /// to stop.
    pub(crate) fn send(&self, out: Out) -> ControlFlow<()> {
        (self.send)(out)
    }
}

/// The queue of jobs.
pub(crate) struct Queue<'a, Job> {
    jobs: Sender<(u64, usize, Job)>,
    permits: Receiver<()>,
    window: usize,
    next: u64,
    stop: &'a AtomicBool,
}

impl<Job> Queue<'_, Job> {
    /// Adds a job. Waits while enough jobs are in flight. A job that needs the memory of several
    /// has a higher `cost`. Returns `Break` if all work is to stop.
    pub(crate) fn push(&mut self, job: Job, cost: usize) -> ControlFlow<()> {
        let number = self.next;
        self.next += 1;
        let cost = cost.clamp(1, self.window);
        let taken =
            (0..cost).all(|_| self.permits.recv().is_ok()) && !self.stop.load(Ordering::Relaxed);
        match taken && self.jobs.send((number, cost, job)).is_ok() {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

/// Ends a job even if its worker panics. Otherwise all other workers would wait for its turn.
struct JobEnd<'t, 'a, Out, Emit: FnMut(Out) -> ControlFlow<()>> {
    turnstile: &'t Turnstile<'a, Out, Emit>,
    job: u64,
    cost: usize,
    out: Option<Out>,
}

impl<Out, Emit: FnMut(Out) -> ControlFlow<()>> Drop for JobEnd<'_, '_, Out, Emit> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.turnstile.stop();
        }
        self.turnstile.last(self.job, Done { out: self.out.take(), cost: self.cost });
    }
}

/// Runs jobs on `threads` workers. `produce` queues them on the calling thread. `emit` receives the
/// results in the order of the jobs, one at a time. If it returns `Break`, `stop` is set, all work
/// stops, and queued jobs are dropped. At most [`JOBS_A_WORKER`] jobs of usual cost per worker are
/// queued, in work, or waiting for their turn.
pub(crate) fn in_order<Job, Out, Worker>(
    threads: usize,
    stop: &AtomicBool,
    produce: impl FnOnce(&mut Queue<'_, Job>),
    make_worker: impl Fn() -> Worker + Sync,
    emit: impl FnMut(Out) -> ControlFlow<()> + Send,
) where
    Job: Send,
    Out: Send,
    Worker: FnMut(Job, &Parts<'_, Out>) -> Out,
{
    let window = threads.max(1) * JOBS_A_WORKER;
    let (permits, taken) = bounded(window);
    for _ in 0..window {
        let _ = permits.try_send(());
    }
    let (jobs, queued) = bounded::<(u64, usize, Job)>(window);
    let state = Mutex::new(State { turn: 0, done: BTreeMap::new(), emit });
    let turnstile = Turnstile { state, moved: Condvar::new(), stop, permits };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            let (queued, turnstile, make_worker) = (queued.clone(), &turnstile, &make_worker);
            scope.spawn(move || {
                let mut worker = make_worker();
                for (number, cost, job) in queued {
                    let mut end = JobEnd { turnstile, job: number, cost, out: None };
                    if !turnstile.stopped() {
                        let parts = Parts { send: &|out| turnstile.part(number, out) };
                        end.out = Some(worker(job, &parts));
                    }
                }
            });
        }
        drop(queued);
        let mut queue = Queue { jobs, permits: taken, window, next: 0, stop };
        produce(&mut queue);
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run(threads: usize, jobs: u64, stop_at: Option<u64>) -> Vec<u64> {
        let stop = AtomicBool::new(false);
        let mut seen = Vec::new();
        in_order(
            threads,
            &stop,
            |queue: &mut Queue<'_, u64>| {
                for job in 0..jobs {
                    if queue.push(job, job as usize % 3).is_break() {
                        break;
                    }
                }
            },
            || {
                |job: u64, parts: &Parts<'_, u64>| {
                    // Early jobs take longest, so that later ones overtake them.
                    thread::sleep(Duration::from_micros(200 * (7 - job % 8)));
                    if job.is_multiple_of(3) {
                        let _ = parts.send(job * 10);
                    }
                    job * 10 + 1
                }
            },
            |out| {
                seen.push(out);
                if stop_at == Some(out) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        seen
    }

    #[test]
    fn results_come_in_order_whatever_the_number_of_threads() {
        let expected: Vec<u64> = (0..300)
            .flat_map(
                |job| if job % 3 == 0 { vec![job * 10, job * 10 + 1] } else { vec![job * 10 + 1] },
            )
            .collect();
        for threads in [1, 2, 16] {
            assert_eq!(run(threads, 300, None), expected, "{threads} threads");
        }
    }

    #[test]
    fn a_break_ends_all_work() {
        assert_eq!(run(4, 1_000_000_000, Some(31)), [0, 1, 11, 21, 30, 31]);
    }

    #[test]
    fn no_work_ends_at_once() {
        assert_eq!(run(4, 0, None), [0_u64; 0]);
    }

    #[test]
    fn a_panicking_worker_hangs_nobody() {
        let result = std::panic::catch_unwind(|| {
            let stop = AtomicBool::new(false);
            in_order(
                3,
                &stop,
                |queue: &mut Queue<'_, u64>| while queue.push(0, 1).is_continue() {},
                || {
                    |_, parts: &Parts<'_, ()>| {
                        assert!(parts.send(()).is_break(), "a worker's fault")
                    }
                },
                |()| ControlFlow::Continue(()),
            );
        });
        assert!(result.is_err());
    }
}

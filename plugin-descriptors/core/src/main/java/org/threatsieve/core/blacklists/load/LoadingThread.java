package org.threatsieve.core.blacklists.load;

import java.time.Duration;
import java.util.concurrent.Future;

/**
 * The engine's one thread that loads blacklists.
 *
 * <p>When the node stops, calls throw {@link java.util.concurrent.RejectedExecutionException}.
 */
public interface LoadingThread {
    /** Runs a task after those that were given before. */
    void execute(Runnable task);

    /** Runs a task after those that were given before. The result tells when it is done. */
    Future<?> submit(Runnable task);

    /** Runs a task on any thread after a delay. The task must not block. */
    Cancellable schedule(Runnable task, Duration delay);

    /** A task that was scheduled. */
    interface Cancellable {
        void cancel();
    }
}

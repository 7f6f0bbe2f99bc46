package org.threatsieve.core.blacklists.load;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;

/** Runs tasks at once. A scheduled task waits for the test. */
public final class DirectThread implements LoadingThread {
    public boolean rejects;
    /** The task that is scheduled, or {@code null}. */
    public Runnable scheduled;
    public Duration delay;

    @Override
    public void execute(Runnable task) {
        if (rejects) {
            throw new RejectedExecutionException("the node is stopping");
        }
        task.run();
    }

    @Override
    public Future<?> submit(Runnable task) {
        execute(task);
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public Cancellable schedule(Runnable task, Duration delay) {
        scheduled = task;
        this.delay = delay;
        return () -> scheduled = null;
    }
}

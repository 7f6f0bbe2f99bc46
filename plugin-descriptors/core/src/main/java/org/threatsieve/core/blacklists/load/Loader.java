package org.threatsieve.core.blacklists.load;

import java.io.IOException;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.LocalFiles;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.NativeException;

/**
 * Makes a node that ingests or searches serve what the pointers name. One thread loads the
 * blacklists, one after the other. If one fails, the node keeps serving what it served before, and
 * tries again.
 */
public final class Loader {
    private static final Logger logger = LogManager.getLogger(Loader.class);

    private static final long FIRST_RETRY_MILLIS = 500;
    private static final long MAX_RETRY_MILLIS = TimeUnit.MINUTES.toMillis(1);

    /**
     * The longest that a starting node waits for its own copies before it joins the cluster. A
     * million entries take about a second.
     */
    private static final Duration START_TIMEOUT = Duration.ofSeconds(30);

    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(10);

    private final LoadingThread thread;
    private final ContentSource source;
    private final LocalFiles files;

    /** The pointers in the cluster's state. The map is replaced, never changed. */
    private volatile Map<String, Pointer> wanted = Map.of();

    /** Written by the loading thread, and by {@link #retry}. */
    private final Map<String, LoadState> states = new ConcurrentHashMap<>();

    /**
     * The times, as {@link System#nanoTime} has them, at which failed blacklists are tried again.
     * For the loading thread alone.
     */
    private final Map<String, Long> retryNanos = new TreeMap<>();

    /** The failures that are logged, each once for all attempts. For the loading thread alone. */
    private final Map<String, LoadState> logged = new TreeMap<>();

    /** The scheduled next attempt. For the loading thread alone. */
    @Nullable
    private LoadingThread.Cancellable nextAttempt;

    /** A task is submitted that has not begun. It will see every change made before it begins. */
    private final AtomicBoolean submitted = new AtomicBoolean();

    private volatile boolean stopped;

    public Loader(LoadingThread thread, Store store, Matcher matcher, LocalFiles files) {
        this.thread = thread;
        this.source = new ContentSource(store, matcher, files);
        this.files = files;
    }

    /** The state of each blacklist. Empty on a node that neither ingests nor searches. */
    public Map<String, LoadState> states() {
        return new TreeMap<>(states);
    }

    // Starting and stopping.

    /**
     * Loads the node's own copies. Called before the node joins the cluster, so that it serves from
     * its first event on. The cluster may want other contents by now; they follow later.
     */
    public void start() {
        Future<?> copies = thread.submit(this::loadCopies);
        try {
            copies.get(START_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            logger.info(
                "the blacklists are not loaded after {} s; the node starts, and marks events as"
                    + " unchecked until they are",
                START_TIMEOUT.toSeconds()
            );
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            logger.warn("the node's own copies of blacklists are not used", e.getCause());
        }
    }

    /** Stops. Waits until the blacklist that is being loaded is loaded: the library closes soon. */
    public void stop() {
        stopped = true;
        try {
            thread.submit(() -> {}).get(STOP_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException | RejectedExecutionException e) {
            logger.debug("the loading thread has not finished", e);
        }
    }

    private void loadCopies() {
        try {
            files.removePartial();
            for (LocalFiles.Copy copy : files.copies()) {
                loadCopy(copy);
            }
        } catch (IOException e) {
            logger.warn("the folder of blacklists cannot be read: {}", e.toString());
        }
    }

    private void loadCopy(LocalFiles.Copy copy) {
        try {
            if (source.loadCopy(copy.name(), copy.pointer(), copy.file())) {
                states.put(copy.name(), LoadState.loading(copy.pointer(), null).serving(0));
            }
        } catch (NativeException e) {
            logger.debug("the node's own copy {} is not used yet", copy.file(), e);
        }
    }

    // Following the pointers.

    /** The pointers that this node follows. */
    public Map<String, Pointer> wanted() {
        return wanted;
    }

    /** Follows these pointers. Does not block. */
    public void follow(Map<String, Pointer> pointers) {
        wanted = pointers;
        submit();
    }

    /** Tries a failed blacklist again at once. Its failure may be repaired. */
    public void retry(String name) {
        states.computeIfPresent(
            name,
            (key, state) -> state.isServing()
                ? state
                : LoadState.loading(state.wanted(), state.served())
        );
        submit();
    }

    private void submit() {
        if (stopped == false && submitted.compareAndSet(false, true)) {
            try {
                thread.execute(this::followAll);
            } catch (RejectedExecutionException e) {
                // The node is stopping.
                submitted.set(false);
            }
        }
    }

    /** Runs on the loading thread. */
    private void followAll() {
        submitted.set(false);
        Map<String, Pointer> target = wanted;
        Set<String> names = new TreeSet<>(states.keySet());
        names.addAll(target.keySet());
        for (String name : names) {
            if (stopped || wanted != target) {
                // Another task is submitted, with newer pointers.
                return;
            }
            try {
                followOne(name, target.get(name));
            } catch (RuntimeException e) {
                logger.error("blacklist [{}] cannot be changed to [{}]", name, target.get(name), e);
            }
        }
        scheduleNextAttempt();
    }

    private void scheduleNextAttempt() {
        if (nextAttempt != null) {
            nextAttempt.cancel();
            nextAttempt = null;
        }
        if (retryNanos.isEmpty() == false && stopped == false) {
            long left = Collections.min(retryNanos.values()) - System.nanoTime();
            Duration delay = Duration.ofMillis(Math.max(1, TimeUnit.NANOSECONDS.toMillis(left)));
            nextAttempt = thread.schedule(this::submit, delay);
        }
    }

    private void followOne(String name, @Nullable Pointer target) {
        if (target == null) {
            unload(name);
            return;
        }
        LoadState now = states.get(name);
        if (now == null || target.equals(now.wanted()) == false) {
            now = LoadState.loading(target, now == null ? null : now.served());
            states.put(name, now);
            retryNanos.remove(name);
        }
        boolean waits = now.attempts() > 0
            && retryNanos.getOrDefault(name, 0L) - System.nanoTime() > 0;
        if (now.isServing() == false && waits == false) {
            load(name, now);
        }
    }

    private void load(String name, LoadState now) {
        long started = System.nanoTime();
        try {
            source.load(name, now.wanted());
            long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - started);
            states.put(name, now.serving(took));
            retryNanos.remove(name);
            logged.remove(name);
            logger.info(
                "blacklist [{}]: generation {} is served after {} ms",
                name,
                now.wanted().generation(),
                took
            );
        } catch (NativeException e) {
            failed(name, now, e.kind(), e.getMessage());
        } catch (IOException e) {
            failed(name, now, "io", e.toString());
        } catch (FetchFailed e) {
            failed(name, now, e.kind(), e.getMessage());
        }
    }

    private void failed(String name, LoadState before, String kind, String reason) {
        LoadState state = before.failed(kind, reason);
        states.put(name, state);
        long grown = FIRST_RETRY_MILLIS << Math.min(state.attempts(), 10);
        long delay = Math.min(MAX_RETRY_MILLIS, grown);
        retryNanos.put(name, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(delay));
        LoadState last = logged.get(name);
        boolean isLogged = last != null
            && state.wanted().equals(last.wanted())
            && kind.equals(last.kind());
        if (isLogged == false && LoadState.FAILED.equals(state.state())) {
            logged.put(name, state);
            logger.warn(
                "blacklist [{}] generation {} cannot be served ({}): {}; {}, and it is tried again at"
                    + " least every {} s",
                name,
                state.wanted().generation(),
                kind,
                reason,
                state.served() == null
                    ? "events are marked as unchecked"
                    : "generation " + state.served().generation() + " is still served",
                TimeUnit.MILLISECONDS.toSeconds(MAX_RETRY_MILLIS)
            );
        }
    }

    private void unload(String name) {
        states.remove(name);
        retryNanos.remove(name);
        logged.remove(name);
        try {
            source.unload(name);
            logger.info("blacklist [{}] is no longer served", name);
        } catch (NativeException | IOException e) {
            logger.warn(
                "blacklist [{}] is deleted, but could not be removed from this node: {}",
                name,
                e.toString()
            );
        }
    }
}

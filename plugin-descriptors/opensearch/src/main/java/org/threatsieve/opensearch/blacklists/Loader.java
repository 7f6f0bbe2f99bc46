package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.cluster.ClusterChangedEvent;
import org.opensearch.cluster.ClusterStateListener;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.lifecycle.AbstractLifecycleComponent;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.concurrency.OpenSearchRejectedExecutionException;
import org.opensearch.gateway.GatewayService;
import org.opensearch.threadpool.Scheduler;
import org.opensearch.threadpool.ThreadPool;
import org.threatsieve.opensearch.Matcher;
import org.threatsieve.opensearch.NativeException;

/**
 * Brings an ingest node to what the pointers say. Everything that blocks happens on one thread of its own, so that blacklists are loaded one after the other.
 * Whatever fails, what was served before is served on, and it is tried again.
 */
public final class Loader extends AbstractLifecycleComponent implements ClusterStateListener {
    private static final Logger logger = LogManager.getLogger(Loader.class);

    /** The thread pool. */
    static final String POOL = "threatsieve";

    /** The kind of failure when the index cannot be read: a shard may be on its way. */
    static final String FETCH = "fetch";

    /** The kind of failure when the index can be read and does not hold the content. */
    private static final String MISSING = "missing";

    /** Kinds of failures that are a file's own fault. */
    private static final Set<String> BAD_FILE = Set.of("damaged", "signature", "name");

    private static final long FIRST_RETRY_MILLIS = 500;
    private static final long LAST_RETRY_MILLIS = TimeUnit.MINUTES.toMillis(1);

    /** How long a node that starts waits for its own copies to be loaded before it joins. A million entries take about a second. */
    private static final TimeValue START = TimeValue.timeValueSeconds(30);

    private static final TimeValue STOP = TimeValue.timeValueSeconds(10);

    private final ClusterService clusterService;
    private final ThreadPool threadPool;
    private final Store store;
    private final Matcher matcher;
    private final LocalFiles files;

    /** What the cluster state says; replaced as a whole. */
    private volatile Map<String, Pointer> wanted = Map.of();

    /** Written by the loading thread, but for {@link #retry}. */
    private final Map<String, LoadState> states = new ConcurrentHashMap<>();

    /** When a failed blacklist may be tried again, in terms of {@link System#nanoTime}. Used by the loading thread alone. */
    private final Map<String, Long> retryNanos = new TreeMap<>();

    /** The failures that the log tells of, so that each is told once however often it is tried again. Used by the loading thread alone. */
    private final Map<String, LoadState> told = new TreeMap<>();

    /** The next attempt. Used by the loading thread alone. */
    private Scheduler.ScheduledCancellable retry;

    /** There is a task that has not begun: it will see whatever is written now. */
    private final AtomicBoolean scheduled = new AtomicBoolean();

    private volatile boolean stopped;

    Loader(ClusterService clusterService, ThreadPool threadPool, Store store, Matcher matcher, LocalFiles files) {
        this.clusterService = clusterService;
        this.threadPool = threadPool;
        this.store = store;
        this.matcher = matcher;
        this.files = files;
    }

    /** By name. Empty on a node that ingests nothing. */
    Map<String, LoadState> states() {
        return new TreeMap<>(states);
    }

    // Its life.

    /**
     * Loads the node's own copies before the node joins, so that it serves from the first event on. What the cluster wants by now may be another one; that
     * comes with the cluster state.
     */
    @Override
    protected void doStart() {
        Future<?> copies = threadPool.executor(POOL).submit(this::loadCopies);
        try {
            copies.get(START.millis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            logger.info("the blacklists are not loaded after {}; the node starts, and marks events unchecked until they are", START);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            logger.warn("the node's own copies of blacklists are not used", e.getCause());
        }
        clusterService.addListener(this);
    }

    @Override
    protected void doStop() {
        clusterService.removeListener(this);
        stopped = true;
        // What is being loaded is loaded to its end: the library is closed soon after.
        try {
            threadPool.executor(POOL).submit(() -> {}).get(STOP.millis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException | OpenSearchRejectedExecutionException e) {
            logger.debug("the loading thread has not come to its end", e);
        }
    }

    @Override
    protected void doClose() {}

    private void loadCopies() {
        try {
            files.removePartial();
            for (LocalFiles.Copy copy : files.copies()) {
                try {
                    if (loadCopy(copy.name(), copy.pointer(), copy.file())) {
                        states.put(copy.name(), LoadState.loading(copy.pointer(), null).serving(0));
                    }
                } catch (NativeException e) {
                    logger.debug("the node's own copy {} is not used yet", copy.file(), e);
                }
            }
        } catch (IOException e) {
            logger.warn("the folder of blacklists cannot be read: {}", e.toString());
        }
    }

    // What is wanted.

    /** On the thread that applies cluster states: it only compares. */
    @Override
    public void clusterChanged(ClusterChangedEvent event) {
        // Before the state is recovered there are no settings, which does not mean that nothing is wanted.
        if (event.metadataChanged() == false || event.state().blocks().hasGlobalBlock(GatewayService.STATE_NOT_RECOVERED_BLOCK)) {
            return;
        }
        Map<String, Pointer> pointers = Pointers.of(event.state());
        if (pointers.equals(wanted) == false || event.previousState().blocks().hasGlobalBlock(GatewayService.STATE_NOT_RECOVERED_BLOCK)) {
            wanted = pointers;
            schedule();
        }
    }

    /** Tries a blacklist that failed again at once: what it failed for may be mended. */
    void retry(String name) {
        states.computeIfPresent(name, (key, state) -> state.isServing() ? state : LoadState.loading(state.wanted(), state.served()));
        schedule();
    }

    private void schedule() {
        if (stopped == false && scheduled.compareAndSet(false, true)) {
            try {
                threadPool.executor(POOL).execute(this::bringUp);
            } catch (OpenSearchRejectedExecutionException e) {
                // The node is stopping.
                scheduled.set(false);
            }
        }
    }

    /** On the loading thread. */
    private void bringUp() {
        scheduled.set(false);
        Map<String, Pointer> target = wanted;
        Set<String> names = new TreeSet<>(states.keySet());
        names.addAll(target.keySet());
        for (String name : names) {
            if (stopped || wanted != target) {
                return; // Another task knows better.
            }
            try {
                bringUp(name, target.get(name));
            } catch (RuntimeException e) {
                logger.error("blacklist [" + name + "] cannot be brought to [" + target.get(name) + "]", e);
            }
        }
        scheduleRetry();
    }

    private void scheduleRetry() {
        if (retry != null) {
            retry.cancel();
            retry = null;
        }
        if (retryNanos.isEmpty() == false && stopped == false) {
            long delay = Math.max(1, TimeUnit.NANOSECONDS.toMillis(Collections.min(retryNanos.values()) - System.nanoTime()));
            retry = threadPool.schedule(this::schedule, TimeValue.timeValueMillis(delay), ThreadPool.Names.SAME);
        }
    }

    private void bringUp(String name, Pointer target) {
        LoadState now = states.get(name);
        if (target == null) {
            unload(name);
            return;
        }
        if (now == null || target.equals(now.wanted()) == false) {
            now = LoadState.loading(target, now == null ? null : now.served());
            states.put(name, now);
            retryNanos.remove(name);
        }
        boolean waits = now.attempts() > 0 && retryNanos.getOrDefault(name, 0L) - System.nanoTime() > 0;
        if (now.isServing() || waits) {
            return;
        }
        long started = System.nanoTime();
        try {
            load(name, target);
            long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - started);
            states.put(name, now.serving(took));
            retryNanos.remove(name);
            told.remove(name);
            logger.info("blacklist [{}] is served in generation {}, after {} ms", name, target.generation(), took);
        } catch (NativeException e) {
            failed(name, now, e.kind(), e.getMessage());
        } catch (IOException e) {
            failed(name, now, "io", e.toString());
        } catch (FetchFailed e) {
            failed(name, now, e.kind, e.getMessage());
        }
    }

    private void failed(String name, LoadState before, String kind, String reason) {
        LoadState state = before.failed(kind, reason);
        states.put(name, state);
        long delay = Math.min(LAST_RETRY_MILLIS, FIRST_RETRY_MILLIS << Math.min(state.attempts(), 10));
        retryNanos.put(name, System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(delay));
        LoadState last = told.get(name);
        boolean known = last != null && state.wanted().equals(last.wanted()) && kind.equals(last.kind());
        if (known == false && LoadState.FAILED.equals(state.state())) {
            told.put(name, state);
            String meanwhile = state.served() == null ? "events are marked unchecked" : "generation " + state.served().generation() + " is served on";
            logger.warn(
                "blacklist [{}] generation {} cannot be served ({}): {}; {}, and it is tried again every {} s at most",
                name,
                state.wanted().generation(),
                kind,
                reason,
                meanwhile,
                TimeUnit.MILLISECONDS.toSeconds(LAST_RETRY_MILLIS)
            );
        }
    }

    // One blacklist.

    private void unload(String name) {
        states.remove(name);
        retryNanos.remove(name);
        told.remove(name);
        try {
            matcher.unload(name);
            files.removeAll(name);
            logger.info("blacklist [{}] is not served any more", name);
        } catch (NativeException | IOException e) {
            logger.warn("blacklist [{}] is not wanted any more, and could not be removed from this node: {}", name, e.toString());
        }
    }

    private void load(String name, Pointer target) throws IOException, FetchFailed {
        if (matcher.failure() != null) {
            throw new NativeException(NativeException.UNAVAILABLE, matcher.failure());
        }
        Path copy = files.copy(name, target);
        if (Files.exists(copy) && loadCopy(name, target, copy) == false) {
            Files.delete(copy);
        }
        if (Files.exists(copy) == false) {
            fetch(name, target, copy);
            matcher.load(name, copy);
        }
        files.keepOnly(name, copy);
    }

    /** Loads the node's own copy. A bad one is no failure: it is fetched again. */
    private boolean loadCopy(String name, Pointer target, Path copy) {
        try {
            if (Inspection.of(matcher, copy).pointer().equals(target)) {
                matcher.load(name, copy);
                return true;
            }
        } catch (NativeException e) {
            if (BAD_FILE.contains(e.kind()) == false) {
                throw e;
            }
            logger.debug("the node's own copy {} is not used", copy, e);
        }
        return false;
    }

    private void fetch(String name, Pointer target, Path copy) throws IOException, FetchFailed {
        Path partial = files.partial();
        try {
            Manifest manifest = store.history(name).find(target);
            if (manifest == null) {
                throw new FetchFailed(MISSING, "[" + BlacklistIndex.NAME + "] does not hold it; push it again");
            }
            store.fetchContent(manifest.content(), manifest.parts(), partial);
            Pointer fetched = inspectFetched(partial);
            if (fetched.equals(target) == false) {
                throw new FetchFailed(MISSING, "expected [" + target + "] in [" + BlacklistIndex.NAME + "], got [" + fetched + "]; push it again");
            }
            files.move(partial, copy);
        } catch (NativeException | IOException e) {
            throw e;
        } catch (Store.MissingPart e) {
            throw new FetchFailed(MISSING, e.getMessage() + "; push it again");
        } catch (RuntimeException e) {
            throw new FetchFailed(FETCH, "it cannot be read from [" + BlacklistIndex.NAME + "]: " + e);
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    /** What is damaged in the index is damaged for all nodes, until it is pushed again. */
    private Pointer inspectFetched(Path partial) throws FetchFailed {
        try {
            return Inspection.of(matcher, partial).pointer();
        } catch (NativeException e) {
            if (BAD_FILE.contains(e.kind())) {
                throw new FetchFailed(e.kind(), "what [" + BlacklistIndex.NAME + "] holds of it cannot be used: " + e.getMessage().replace(partial + ": ", "") + "; push it again");
            }
            throw e;
        }
    }

    private static final class FetchFailed extends Exception {
        private static final long serialVersionUID = 1L;

        final String kind;

        FetchFailed(String kind, String message) {
            super(message);
            this.kind = kind;
        }
    }
}

package org.threatsieve.core.matcher;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/** Counts events that could not be checked, and logs each cause once until it is over. */
public final class Unchecked {
    private static final Logger logger = LogManager.getLogger(Unchecked.class);

    /**
     * A cause that has not occurred for this long is over. If it comes back, it is logged again.
     */
    private static final long QUIET_NANOS = TimeUnit.MINUTES.toNanos(10);

    private record Cause(String blacklist, String kind) {}

    private static final class Count {
        final LongAdder events = new LongAdder();
        final AtomicLong lastNanos;

        Count(long lastNanos) {
            this.lastNanos = new AtomicLong(lastNanos);
        }
    }

    private final Map<Cause, Count> counts = new ConcurrentHashMap<>();
    private final LongSupplier nanoTime;

    /** @param nanoTime the clock, as {@link System#nanoTime} */
    public Unchecked(LongSupplier nanoTime) {
        this.nanoTime = nanoTime;
    }

    /**
     * Counts events.
     *
     * @param kind the cause, as it is written into the events
     * @param detail the cause, for the log
     * @return whether the cause was logged
     */
    public boolean add(String blacklist, String kind, String detail, int events) {
        long now = nanoTime.getAsLong();
        Cause cause = new Cause(blacklist, kind);
        Count count = counts.computeIfAbsent(cause, each -> new Count(now - QUIET_NANOS));
        count.events.add(events);
        if (now - count.lastNanos.getAndSet(now) < QUIET_NANOS) {
            return false;
        }
        logger.warn(
            "events are not checked against blacklist [{}] ({}): {}; they are counted and handled as"
                + " the processor's on_unavailable says; this is logged again only after 10 minutes"
                + " without it",
            blacklist,
            kind,
            detail
        );
        return true;
    }

    /** Returns the events of a blacklist since the node started, by kind. */
    public Map<String, Long> of(String blacklist) {
        Map<String, Long> kinds = new TreeMap<>();
        counts.forEach((cause, count) -> {
            if (cause.blacklist.equals(blacklist)) {
                kinds.put(cause.kind, count.events.sum());
            }
        });
        return kinds;
    }
}

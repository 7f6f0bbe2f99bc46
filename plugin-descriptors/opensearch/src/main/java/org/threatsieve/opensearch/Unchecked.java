package org.threatsieve.opensearch;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/** Events that could not be checked: counted by blacklist and kind, and told once for each until it is over. */
public final class Unchecked {
    private static final Logger logger = LogManager.getLogger(Unchecked.class);

    /** A kind that has not occurred for this long is over; when it comes back, it is told again. */
    private static final long QUIET_NANOS = TimeUnit.MINUTES.toNanos(10);

    private record Trouble(String blacklist, String kind) {}

    private static final class Count {
        final LongAdder events = new LongAdder();
        final AtomicLong lastNanos = new AtomicLong(System.nanoTime() - QUIET_NANOS);
    }

    private final Map<Trouble, Count> counts = new ConcurrentHashMap<>();

    /**
     * Counts events.
     *
     * @param kind as written into them
     * @param detail for the log
     */
    public void add(String blacklist, String kind, String detail, int events) {
        Count count = counts.computeIfAbsent(new Trouble(blacklist, kind), trouble -> new Count());
        count.events.add(events);
        long now = System.nanoTime();
        if (now - count.lastNanos.getAndSet(now) >= QUIET_NANOS) {
            logger.warn(
                "events are not checked against blacklist [{}] ({}): {}; they are treated as the processor's on_unavailable says, and counted; "
                    + "said again only after 10 minutes without one",
                blacklist,
                kind,
                detail
            );
        }
    }

    /** Events since the node started, by kind. */
    public Map<String, Long> of(String blacklist) {
        Map<String, Long> kinds = new TreeMap<>();
        counts.forEach((trouble, count) -> {
            if (trouble.blacklist.equals(blacklist)) {
                kinds.put(trouble.kind, count.events.sum());
            }
        });
        return kinds;
    }
}

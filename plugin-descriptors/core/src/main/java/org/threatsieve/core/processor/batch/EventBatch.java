package org.threatsieve.core.processor.batch;

import java.util.HashMap;
import java.util.Map;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.matcher.Lookup;
import org.threatsieve.core.matcher.Matcher;

/** Events that are looked up in one call of native code. One thread reuses it from call to call. */
public abstract class EventBatch {
    /** Bytes of one batch, set by the contract with native code. */
    static final int MAX_BYTES = 8 * 1024 * 1024;

    private int events;
    /** Events with a part that is not looked up. Few events have one. */
    private final Map<Integer, SkipReason> skipped = new HashMap<>();

    EventBatch() {}

    /** The number of events. */
    public final int events() {
        return events;
    }

    /** Drops all events. */
    public final void clear() {
        events = 0;
        skipped.clear();
        clearBytes();
    }

    /** Adds an event. Returns false if it has no room; an empty batch has room for every event. */
    public final boolean add(Map<String, Object> event) {
        if (put(event) == false) {
            return false;
        }
        events++;
        return true;
    }

    /** Notes that a part of the event being added is not looked up. */
    final void skip(SkipReason reason) {
        skipped.put(events, reason);
    }

    /** Returns why a part of an event is not looked up, or {@code null} if all of it is. */
    @Nullable
    public final SkipReason skipped(int event) {
        return skipped.isEmpty() ? null : skipped.get(event);
    }

    /** Forgets what was noted about the event being added. */
    final void forgetEvent() {
        skipped.remove(events);
    }

    abstract void clearBytes();

    /** Adds an event's bytes. Returns false, and leaves the batch as it was, if it has no room. */
    abstract boolean put(Map<String, Object> event);

    /** Looks up the events. Returns the matcher's answer. */
    @Nullable
    public abstract Map<String, Object> check(Matcher matcher, Lookup lookup);
}

package org.threatsieve.opensearch.processor;

import java.util.HashMap;
import java.util.Map;

import org.threatsieve.opensearch.Matcher;

/** Events that are looked up in one call of native code. Reused from call to call by one thread. */
abstract class EventBatch {
    /** Bytes of one batch, of the contract with native code: 8 MiB. */
    static final int MAX_BYTES = 8 * 1024 * 1024;

    private int events;
    /** Events of which a part could not be taken; none, but for odd events. */
    private final Map<Integer, LeftOut> incomplete = new HashMap<>();

    /** Events held. */
    final int events() {
        return events;
    }

    /** Drops all events. */
    final void clear() {
        events = 0;
        incomplete.clear();
        clearBytes();
    }

    /** Adds an event and tells whether there was room. An empty batch takes any event, as far as it fits. */
    final boolean add(Map<String, Object> event) {
        if (put(event) == false) {
            return false;
        }
        events++;
        return true;
    }

    /** Of the event that is being added, something is left out. */
    final void leaveOut(LeftOut why) {
        incomplete.put(events, why);
    }

    /** Why something of an event was left out, or {@code null}. */
    final LeftOut leftOut(int event) {
        return incomplete.isEmpty() ? null : incomplete.get(event);
    }

    /** The batch as it was before the event that does not fit. */
    final void takeBack() {
        incomplete.remove(events);
    }

    abstract void clearBytes();

    abstract boolean put(Map<String, Object> event);

    /** Asks the matcher; its answer as native code has it. */
    abstract byte[] check(Matcher matcher, ProcessorOptions options);
}

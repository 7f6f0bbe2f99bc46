package org.threatsieve.core.matcher;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Conditions on an event, of which it must fulfil one. */
public final class Conditions {
    /** The conditions of a term that always counts. */
    public static final Conditions ALWAYS = new Conditions(0);

    /** By condition: the first time, in microseconds since 1970. */
    private final long[] from;
    /** By condition: the time from which on it holds no more. */
    private final long[] until;
    /** By condition: the destination port; 0 for any. */
    private final int[] ports;

    private Conditions(int count) {
        from = new long[count];
        until = new long[count];
        ports = new int[count];
    }

    static Conditions read(ByteBuffer bytes) {
        int count = bytes.getInt();
        if (count == 0) {
            return ALWAYS;
        }
        Conditions conditions = new Conditions(count);
        for (int i = 0; i < count; i++) {
            conditions.from[i] = bytes.getLong();
            conditions.until[i] = bytes.getLong();
            conditions.ports[i] = bytes.getInt();
        }
        return conditions;
    }

    /** Returns whether every event fulfils them. */
    public boolean always() {
        return from.length == 0;
    }

    /** Returns whether every event in an interval fulfils them, whatever its port. */
    public boolean always(long first, long last) {
        for (int i = 0; i < from.length; i++) {
            if (ports[i] == 0 && from[i] <= first && last < until[i]) {
                return true;
            }
        }
        return always();
    }

    /** Returns whether no event in an interval fulfils one. */
    public boolean never(long first, long last) {
        for (int i = 0; i < from.length; i++) {
            if (from[i] <= last && first < until[i]) {
                return false;
            }
        }
        return always() == false;
    }

    /** The destination port of an event. */
    public interface Port {
        boolean is(int port) throws IOException;
    }

    /**
     * Returns whether an event fulfils one.
     *
     * @param time microseconds since 1970
     * @param slack microseconds that the time may be later than given
     */
    public boolean hold(long time, long slack, Port port) throws IOException {
        for (int i = 0; i < from.length; i++) {
            boolean valid = from[i] <= time + slack && time < until[i];
            if (valid && (ports[i] == 0 || port.is(ports[i]))) {
                return true;
            }
        }
        return always();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Conditions conditions
            && Arrays.equals(from, conditions.from)
            && Arrays.equals(until, conditions.until)
            && Arrays.equals(ports, conditions.ports);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(from) + Arrays.hashCode(until);
    }

    /** The last time at or before this one at which the answer may change; else the minimum. */
    public long changedSince(long time) {
        long last = Long.MIN_VALUE;
        for (int i = 0; i < from.length; i++) {
            last = from[i] <= time ? Math.max(last, from[i]) : last;
            last = until[i] <= time ? Math.max(last, until[i]) : last;
        }
        return last;
    }

    /** The first time after this one at which the answer may change; else the maximum. */
    public long changesAt(long time) {
        long first = Long.MAX_VALUE;
        for (int i = 0; i < from.length; i++) {
            first = from[i] > time ? Math.min(first, from[i]) : first;
            first = until[i] > time ? Math.min(first, until[i]) : first;
        }
        return first;
    }
}

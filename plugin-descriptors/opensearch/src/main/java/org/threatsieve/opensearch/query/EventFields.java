package org.threatsieve.opensearch.query;

import org.threatsieve.core.Nullable;

/**
 * The fields of an event that conditions are compared with.
 *
 * @param time the field with the event's own time; {@code null} if the index has none
 * @param nanoseconds whether times are stored in nanoseconds, in place of milliseconds
 * @param portType the form in which the destination port is stored
 */
record EventFields(@Nullable String time, boolean nanoseconds, PortType portType) {
    static final String PORT = "destination.port";

    enum PortType {
        NONE,
        NUMBER,
        TEXT
    }

    /** A stored time in microseconds. */
    long micros(long stored) {
        if (nanoseconds) {
            return Math.floorDiv(stored, 1000L);
        }
        long most = Long.MAX_VALUE / 1000 - 1;
        return Math.max(-most, Math.min(most, stored)) * 1000;
    }
}

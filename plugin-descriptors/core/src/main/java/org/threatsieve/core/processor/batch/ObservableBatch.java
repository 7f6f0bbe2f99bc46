package org.threatsieve.core.processor.batch;

import java.util.Arrays;
import java.util.Map;

import org.threatsieve.core.matcher.Lookup;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.Observables;
import org.threatsieve.core.matcher.OutBuffer;
import org.threatsieve.core.processor.fields.FieldPath;
import org.threatsieve.core.processor.fields.FieldTree;
import org.threatsieve.core.processor.fields.Kind;

/** Observables from the events' fields. */
public final class ObservableBatch extends EventBatch implements FieldTree.Visitor {
    /** Observables of one batch, set by the contract with native code. */
    private static final int MAX_OBSERVABLES = 65_536;
    /** Bytes of one observable, set by the contract with the matcher. */
    private static final int MAX_OBSERVABLE_BYTES = 65_535;
    private static final int HEADER_BYTES = 4;
    /** A time's length is one byte. */
    private static final int MAX_TIME_BYTES = 255;
    private static final int PORT_BYTES = 2;
    private static final int MAX_PORT = 65_535;
    private static final FieldPath PORT = new FieldPath("destination.port");
    /** Places kept for the next call. A larger array is freed. */
    private static final int KEPT_PLACES = 16 * 1024;

    private final OutBuffer batch = new OutBuffer(MAX_BYTES);
    private final OutBuffer contexts = new OutBuffer(MAX_BYTES);
    private int[] places = new int[1024];
    private int observables;
    /** The event being added has no room. */
    private boolean full;
    private FieldTree fields;

    /** Sets the fields to read from the events that follow. */
    public ObservableBatch of(FieldTree fields) {
        this.fields = fields;
        return this;
    }

    @Override
    void clearBytes() {
        batch.clear();
        contexts.clear();
        observables = 0;
        if (places.length > KEPT_PLACES) {
            places = new int[KEPT_PLACES];
        }
    }

    @Override
    boolean put(Map<String, Object> event) {
        int batchBefore = batch.length();
        int observablesBefore = observables;
        full = contexts.reserve(1 + MAX_TIME_BYTES + PORT_BYTES) == false;
        fields.walk(event, this);
        if (full && events() > 0) {
            batch.truncate(batchBefore);
            observables = observablesBefore;
            forgetEvent();
            return false;
        }
        if (full) {
            skip(SkipReason.TOO_MANY);
        }
        putTime(event.get("@timestamp"));
        putPort(event);
        return true;
    }

    @Override
    public void value(int field, Kind kind, String value) {
        if (value.length() > MAX_OBSERVABLE_BYTES) {
            skip(SkipReason.TOO_LONG);
            return;
        }
        if (full || observables == MAX_OBSERVABLES) {
            full = true;
            return;
        }
        int header = batch.length();
        int length = batch.putText(HEADER_BYTES, value);
        if (length < 0) {
            full = true;
        } else if (length > MAX_OBSERVABLE_BYTES) {
            batch.truncate(header);
            skip(SkipReason.TOO_LONG);
        } else {
            batch.setInt(header, kind.ordinal() << 24 | length);
            if (observables == places.length) {
                places = Arrays.copyOf(places, places.length * 2);
            }
            places[observables++] = events() << 8 | field;
        }
    }

    private void putTime(Object time) {
        int header = contexts.length();
        boolean readable = time instanceof String || time instanceof Number;
        int length = readable ? contexts.putText(1, time.toString()) : -1;
        if (length < 0 || length > MAX_TIME_BYTES) {
            contexts.truncate(header);
            contexts.putByte(0);
        } else {
            contexts.setByte(header, length);
        }
    }

    /** Appends the destination port, for indicators that match only on their port. 0: no port. */
    private void putPort(Map<String, Object> event) {
        int port = 0;
        for (Object value : PORT.values(event)) {
            port = port == 0 ? port(value) : port;
        }
        contexts.putByte(port & 0xff);
        contexts.putByte(port >> 8);
    }

    private static int port(Object value) {
        long number = 0;
        if (value instanceof Number given) {
            number = given.longValue();
        } else if (value instanceof String text) {
            try {
                number = Long.parseLong(text);
            } catch (NumberFormatException e) {
                // Not a port.
            }
        }
        return number > 0 && number <= MAX_PORT ? (int) number : 0;
    }

    @Override
    public Map<String, Object> check(Matcher matcher, Lookup lookup) {
        return matcher.check(
            lookup,
            new Observables(batch, observables, places, contexts, events())
        );
    }
}

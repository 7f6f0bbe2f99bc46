package org.threatsieve.opensearch.query;

import java.io.IOException;

import org.apache.lucene.document.LongPoint;
import org.apache.lucene.index.DocValues;
import org.apache.lucene.index.LeafReader;
import org.apache.lucene.index.PointValues;
import org.apache.lucene.index.SortedNumericDocValues;
import org.apache.lucene.index.SortedSetDocValues;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.matcher.Conditions;

/** Compares conditions with the events of a segment. */
final class EventJudge {
    /** The microseconds that a time in milliseconds may lack. */
    private static final long MILLISECOND = 999;

    private final LeafReader reader;
    private final EventFields fields;
    /** The present, in microseconds since 1970: the time of events without one of their own. */
    private final long now;
    /** Events are judged by the caller once more, so that in doubt they match. */
    private final boolean candidates;

    /** The times of the first and the last event, if every event has a time; else the widest. */
    private long first = Long.MIN_VALUE;
    private long last = Long.MAX_VALUE - 1;

    /** The presents for which every answer so far is the same. */
    private long sameFrom = Long.MIN_VALUE;
    private long sameUntil = Long.MAX_VALUE;

    EventJudge(LeafReader reader, EventFields fields, long now, boolean candidates)
        throws IOException {
        this.reader = reader;
        this.fields = fields;
        this.now = now;
        this.candidates = candidates;
        PointValues times = fields.time() == null ? null : reader.getPointValues(fields.time());
        if (times != null && times.getDocCount() == reader.maxDoc()) {
            first = fields.micros(LongPoint.decodeDimension(times.getMinPackedValue(), 0));
            last = fields.micros(LongPoint.decodeDimension(times.getMaxPackedValue(), 0));
            last += candidates ? MILLISECOND : 0;
        }
    }

    long sameFrom() {
        return sameFrom;
    }

    long sameUntil() {
        return sameUntil;
    }

    /** Returns whether every event of the segment fulfils the conditions. */
    boolean all(Conditions conditions) {
        return conditions.always(first, last);
    }

    /** Returns whether no event of the segment fulfils them. */
    boolean none(Conditions conditions) {
        return conditions.never(first, last);
    }

    /** Returns a look at the events, for ascending documents. */
    Events events() throws IOException {
        return new Events();
    }

    final class Events implements Conditions.Port {
        @Nullable
        private final SortedNumericDocValues times;
        @Nullable
        private SortedNumericDocValues portNumbers;
        @Nullable
        private SortedSetDocValues portTexts;
        private int document;

        private Events() throws IOException {
            times = fields.time() == null
                ? null
                : DocValues.getSortedNumeric(reader, fields.time());
        }

        boolean fulfil(int document, Conditions conditions) throws IOException {
            this.document = document;
            if (times != null && times.advanceExact(document)) {
                long time = fields.micros(times.nextValue());
                return conditions.hold(time, candidates ? MILLISECOND : 0, this);
            }
            if (candidates) {
                return true;
            }
            sameFrom = Math.max(sameFrom, conditions.changedSince(now));
            sameUntil = Math.min(sameUntil, conditions.changesAt(now));
            return conditions.hold(now, 0, this);
        }

        @Override
        public boolean is(int port) throws IOException {
            return candidates || switch (fields.portType()) {
                case NONE -> false;
                case NUMBER -> isNumber(port);
                case TEXT -> isText(port);
            };
        }

        private boolean isNumber(int port) throws IOException {
            if (portNumbers == null) {
                portNumbers = DocValues.getSortedNumeric(reader, EventFields.PORT);
            }
            return portNumbers.advanceExact(document) && portNumbers.nextValue() == port;
        }

        private boolean isText(int port) throws IOException {
            if (portTexts == null) {
                portTexts = DocValues.getSortedSet(reader, EventFields.PORT);
            }
            return portTexts.advanceExact(document)
                && portTexts.lookupOrd(portTexts.nextOrd())
                    .utf8ToString()
                    .equals(Integer.toString(port));
        }
    }
}

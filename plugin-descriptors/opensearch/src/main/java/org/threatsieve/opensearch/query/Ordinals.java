package org.threatsieve.opensearch.query;

import java.util.Arrays;

/** The places in a dictionary of the terms that hit, in ascending order. */
final class Ordinals implements SegmentWalk.Hits {
    /** Only the first {@link #count} of both are used. */
    long[] ordinals = new long[16];
    int[] conditions = new int[16];
    int count;

    @Override
    public void hit(byte[] term, long ordinal, int conditions) {
        if (count == ordinals.length) {
            ordinals = Arrays.copyOf(ordinals, count * 2);
            this.conditions = Arrays.copyOf(this.conditions, count * 2);
        }
        ordinals[count] = ordinal;
        this.conditions[count++] = conditions;
    }

    /** Returns the conditions of a term, or {@link SegmentWalk#NO_HIT}. */
    int of(long ordinal) {
        int at = Arrays.binarySearch(ordinals, 0, count, ordinal);
        return at < 0 ? SegmentWalk.NO_HIT : conditions[at];
    }
}

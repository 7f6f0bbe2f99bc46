package org.threatsieve.opensearch.query;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.matcher.Conditions;

/** The places in a dictionary of the terms that hit, in ascending order. */
final class Ordinals implements SegmentWalk.Hits {
    /** Only the first {@link #count} are used. */
    long[] ordinals = new long[16];
    int count;
    final List<Conditions> conditions = new ArrayList<>();

    @Override
    public void hit(byte[] term, long ordinal, Conditions conditions) {
        if (count == ordinals.length) {
            ordinals = Arrays.copyOf(ordinals, count * 2);
        }
        ordinals[count++] = ordinal;
        this.conditions.add(conditions);
    }

    /** Returns the conditions of a term that hits, or {@code null} for another term. */
    @Nullable
    Conditions of(long ordinal) {
        int at = Arrays.binarySearch(ordinals, 0, count, ordinal);
        return at < 0 ? null : conditions.get(at);
    }
}

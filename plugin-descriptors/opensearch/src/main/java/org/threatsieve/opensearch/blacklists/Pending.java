package org.threatsieve.opensearch.blacklists;

import org.opensearch.common.Nullable;
import org.opensearch.common.unit.TimeValue;

/**
 * A change that the nodes are about to follow.
 *
 * @param before the pointer that was wanted before
 * @param wanted the one that is wanted now; {@code null}: nothing of that name
 * @param timeout how long to wait for the nodes
 */
record Pending(String name, @Nullable Pointer before, @Nullable Pointer wanted, TimeValue timeout) {
    /** To be answered at once. */
    Pending withoutWaiting() {
        return new Pending(name, before, wanted, TimeValue.ZERO);
    }
}

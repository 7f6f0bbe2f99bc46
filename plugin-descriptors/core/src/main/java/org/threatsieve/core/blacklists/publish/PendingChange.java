package org.threatsieve.core.blacklists.publish;

import java.time.Duration;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.Pointer;

/**
 * A change that the nodes are about to follow.
 *
 * @param before the pointer before the change; {@code null} if there was none
 * @param wanted the pointer after the change; {@code null} after a deletion
 * @param timeout the time to wait for the nodes
 */
public record PendingChange(
    String name,
    @Nullable Pointer before,
    @Nullable Pointer wanted,
    Duration timeout
) {
    /** The same change, answered at once. */
    public PendingChange withoutWaiting() {
        return new PendingChange(name, before, wanted, Duration.ZERO);
    }
}

package org.threatsieve.core.blacklists.publish;

import java.util.Map;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.Pointer;

/** The contents that all ingest nodes should serve, by blacklist, in the cluster's state. */
public interface Pointers {
    /** The pointers, as this node knows them. Does not block. */
    Map<String, Pointer> now();

    /** The pointers, when the cluster's state is recovered. Blocks on a node that just started. */
    Map<String, Pointer> recovered();

    /**
     * Replaces a pointer, if it is the expected one. Blocks.
     *
     * @param expected the present pointer; {@code null} for none
     * @param wanted the new pointer; {@code null} to remove it
     * @return the pointer that was there; it is replaced if it is the expected one
     */
    @Nullable
    Pointer exchange(String name, @Nullable Pointer expected, @Nullable Pointer wanted);
}

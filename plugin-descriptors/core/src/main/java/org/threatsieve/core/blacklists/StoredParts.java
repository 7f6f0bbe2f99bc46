package org.threatsieve.core.blacklists;

/** The parts in which the index stores a content. All but the last have the same size. */
public final class StoredParts {
    /**
     * Bytes of a stored part, 256 KiB. Less than half a region of the garbage collector (G1) with a
     * heap of 512 MB, so that the engine's copies are collected with other short-lived objects.
     */
    public static final int BYTES = 256 << 10;

    private StoredParts() {}

    /** The number of parts for this many bytes. */
    public static int count(long bytes) {
        return Math.toIntExact((bytes + BYTES - 1) / BYTES);
    }
}

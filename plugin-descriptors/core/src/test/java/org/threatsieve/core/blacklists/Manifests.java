package org.threatsieve.core.blacklists;

import java.time.Instant;
import java.util.List;

/** Manifests and histories for tests. Times are minutes. */
public final class Manifests {
    private Manifests() {}

    public static Pointer pointer(long generation) {
        return new Pointer(generation, String.format("%064x", generation));
    }

    public static Instant minute(long minute) {
        return Instant.ofEpochSecond(60 * minute);
    }

    /** A change by {@code anna}. */
    public static Attribution at(long minute) {
        return new Attribution(minute(minute), "anna");
    }

    /** A generation with 100 entries, pushed at the minute of its number. */
    public static Manifest pushed(long generation) {
        Inspection file = new Inspection("office", pointer(generation), false, 10, 100, 20);
        return Manifest.pushed(file, "content-" + generation, 1, at(generation));
    }

    public static History history(Manifest... manifests) {
        return new History("office", List.of(manifests), new DocumentVersion(1, 1));
    }
}

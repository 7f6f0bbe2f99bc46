package org.threatsieve.opensearch.blacklists;

import java.time.Instant;
import java.util.Map;

import org.opensearch.common.unit.TimeValue;

/**
 * A file that comes in parts, in any order, through any node.
 *
 * @param content names it and its parts
 * @param bytes declared, of the whole file
 * @param digest declared
 */
record Upload(String name, String content, long bytes, String digest, Manifest.Stamp begun) {
    /** Bytes of a part that is sent, but the last one: well below what a request may have. A multiple of a stored part. */
    static final int PART_BYTES = 16 * Store.PART_BYTES;

    /** An upload may take that long. Well below {@link Sweep#ORPHANED_AFTER}, so that nobody removes parts that are about to be used. */
    static final TimeValue LIFE = TimeValue.timeValueHours(1);

    static String identifier(String content) {
        return "upload/" + content;
    }

    static Upload ofStored(Map<String, Object> stored) {
        Instant at = Instant.ofEpochMilli(Json.number(stored, "stored_at"));
        return new Upload(
            (String) stored.get("name"),
            (String) stored.get("content"),
            Json.number(stored, "bytes"),
            (String) stored.get("digest"),
            new Manifest.Stamp(at, (String) stored.get("stored_by"))
        );
    }

    int parts() {
        return Math.toIntExact((bytes + PART_BYTES - 1) / PART_BYTES);
    }

    /** Bytes of a part: all but the last have the same. */
    int partBytes(int part) {
        return (int) Math.min(PART_BYTES, bytes - (long) part * PART_BYTES);
    }

    /** The number of the first stored part of a part that is sent. */
    static int firstStored(int part) {
        return part * (PART_BYTES / Store.PART_BYTES);
    }

    Instant expiresAt() {
        return begun.at().plusMillis(LIFE.millis());
    }

    boolean isOver(Instant now) {
        return now.isAfter(expiresAt());
    }
}

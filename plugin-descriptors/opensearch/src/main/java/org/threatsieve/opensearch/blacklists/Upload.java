package org.threatsieve.opensearch.blacklists;

import java.time.Instant;

import org.opensearch.common.unit.TimeValue;

/**
 * A file that comes in parts, in any order, through any node.
 *
 * @param content names it and its parts
 * @param bytes declared, of the whole file
 * @param digest declared
 */
record Upload(String name, String content, long bytes, String digest, Manifest.Stamp begun) {
    /** An upload may take that long. Well below {@link Store#ORPHANED_AFTER}, so that nobody removes parts that are about to be served. */
    static final TimeValue LIFE = TimeValue.timeValueHours(1);

    static String identifier(String content) {
        return "upload/" + content;
    }

    int parts() {
        return Store.parts(bytes);
    }

    /** Bytes of a part: all but the last have the same. */
    int partBytes(int part) {
        return (int) Math.min(Store.PART_BYTES, bytes - (long) part * Store.PART_BYTES);
    }

    boolean isOver(Instant now) {
        return now.isAfter(begun.at().plusMillis(LIFE.millis()));
    }
}

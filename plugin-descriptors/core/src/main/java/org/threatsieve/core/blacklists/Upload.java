package org.threatsieve.core.blacklists;

import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A file that is sent in parts, in any order, through any node.
 *
 * @param content the name of the upload and of its stored parts
 * @param bytes the file's size, as declared
 * @param digest the blacklist's digest, as declared
 * @param begun the beginning
 */
public record Upload(String name, String content, long bytes, String digest, Attribution begun) {
    /**
     * Bytes of a part that is sent. The last one may be shorter. A multiple of a stored part, and
     * far below the limit of a request.
     */
    public static final int PART_BYTES = 16 * StoredParts.BYTES;

    /** The time until an upload ends by itself. */
    public static final Duration LIFE = Duration.ofHours(1);

    /** The number of parts that are sent. */
    public int parts() {
        return Math.toIntExact((bytes + PART_BYTES - 1) / PART_BYTES);
    }

    /** Bytes of a part. */
    public int partBytes(int part) {
        return (int) Math.min(PART_BYTES, bytes - (long) part * PART_BYTES);
    }

    /** The number of the first stored part of a part that is sent. */
    public static int firstStored(int part) {
        return part * (PART_BYTES / StoredParts.BYTES);
    }

    /** The number of the part that is sent and contains a stored part. */
    public static int ofStoredPart(int stored) {
        return stored / (PART_BYTES / StoredParts.BYTES);
    }

    public Instant expiresAt() {
        return begun.at().plus(LIFE);
    }

    /** Returns whether the upload has ended by itself. */
    public boolean isOver(Instant now) {
        return now.isAfter(expiresAt());
    }

    /** The members of the upload's document. */
    public Map<String, Object> toStored() {
        Map<String, Object> stored = new LinkedHashMap<>();
        stored.put("name", name);
        stored.put("content", content);
        stored.put("bytes", bytes);
        stored.put("digest", digest);
        stored.put("stored_at", begun.at().toEpochMilli());
        stored.put("stored_by", begun.by());
        return stored;
    }

    /** Reads an upload's document. */
    public static Upload ofStored(Map<String, Object> stored) {
        Instant at = Instant.ofEpochMilli(Json.number(stored, "stored_at"));
        return new Upload(
            (String) stored.get("name"),
            (String) stored.get("content"),
            Json.number(stored, "bytes"),
            (String) stored.get("digest"),
            new Attribution(at, (String) stored.get("stored_by"))
        );
    }
}

package org.threatsieve.core.blacklists;

import java.nio.file.Path;
import java.util.Map;

import org.threatsieve.core.matcher.Matcher;

/**
 * The description of a verified blacklist file.
 *
 * @param bytes bytes of the file
 * @param entries number of entries, without the allow-list
 * @param needsBytes memory that loading takes
 */
public record Inspection(
    String name,
    Pointer pointer,
    boolean signed,
    long bytes,
    long entries,
    long needsBytes
) {
    /** Verifies a file. Reads all of it. */
    public static Inspection of(Matcher matcher, Path file) {
        Map<String, Object> json = matcher.inspect(file);
        return new Inspection(
            (String) json.get("name"),
            new Pointer(Json.number(json, "generation"), (String) json.get("digest")),
            (Boolean) json.get("signed"),
            Json.number(json, "bytes"),
            Json.number(json, "entries"),
            Json.number(json, "needs_bytes")
        );
    }
}

package org.threatsieve.opensearch.blacklists;

import java.nio.file.Path;
import java.util.Map;

import org.threatsieve.opensearch.Matcher;

/**
 * What a verified file says of itself.
 *
 * @param bytes the file's
 * @param entries what it blocks; its allow-list is not counted
 * @param needsBytes memory that loading it takes at most
 */
record Inspection(String name, Pointer pointer, boolean signed, long bytes, long entries, long needsBytes) {
    /** Reads the whole file. */
    static Inspection of(Matcher matcher, Path file) {
        Map<String, Object> json = Json.object(matcher.inspect(file));
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

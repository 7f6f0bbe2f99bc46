package org.threatsieve.opensearch.blacklists;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

import org.opensearch.common.Nullable;

/**
 * What is known of one content that was pushed, kept when the content is gone.
 *
 * @param content names the stored parts; {@code null} when they are gone
 * @param parts how many
 * @param servedAt when nodes were last told to serve it
 * @param withdrawn when and by whom it was rolled back, if it was
 * @param deleted when and by whom the blacklist was deleted, if it was
 */
record Manifest(
    Pointer pointer,
    long bytes,
    long entries,
    boolean signed,
    @Nullable String content,
    int parts,
    Stamp pushed,
    Instant servedAt,
    @Nullable Stamp withdrawn,
    @Nullable Stamp deleted
) {
    /** Who did something, and when. */
    record Stamp(Instant at, String by) {}

    static Manifest pushed(Inspection inspection, String content, int parts, Stamp pushed) {
        return new Manifest(
            inspection.pointer(),
            inspection.bytes(),
            inspection.entries(),
            inspection.signed(),
            content,
            parts,
            pushed,
            pushed.at(),
            null,
            null
        );
    }

    /** It is in the index, and may be rolled back to. */
    boolean kept() {
        return content != null;
    }

    Manifest withoutContent() {
        return new Manifest(pointer, bytes, entries, signed, null, parts, pushed, servedAt, withdrawn, deleted);
    }

    Manifest served(Instant at) {
        return new Manifest(pointer, bytes, entries, signed, content, parts, pushed, at, null, null);
    }

    Manifest withdrawn(Stamp stamp) {
        return new Manifest(pointer, bytes, entries, signed, content, parts, pushed, servedAt, stamp, deleted);
    }

    Manifest deleted(Stamp stamp) {
        return new Manifest(pointer, bytes, entries, signed, content, parts, pushed, servedAt, withdrawn, stamp);
    }

    /** As in the answer; the stored form is this with {@code content}. Times are ISO 8601 in UTC. */
    Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("generation", pointer.generation());
        json.put("digest", pointer.digest());
        json.put("entries", entries);
        json.put("bytes", bytes);
        json.put("parts", parts);
        json.put("signed", signed);
        json.put("kept", kept());
        put(json, "pushed", pushed);
        json.put("served_at", servedAt.toString());
        put(json, "rolled_back", withdrawn);
        put(json, "deleted", deleted);
        return json;
    }

    Map<String, Object> stored() {
        Map<String, Object> stored = json();
        stored.remove("kept");
        if (content != null) {
            stored.put("content", content);
        }
        return stored;
    }

    static Manifest ofStored(Map<String, Object> stored) {
        return new Manifest(
            new Pointer(Json.number(stored, "generation"), (String) stored.get("digest")),
            Json.number(stored, "bytes"),
            Json.number(stored, "entries"),
            (Boolean) stored.get("signed"),
            (String) stored.get("content"),
            (int) Json.number(stored, "parts"),
            stamp(stored, "pushed"),
            Instant.parse((String) stored.get("served_at")),
            stamp(stored, "rolled_back"),
            stamp(stored, "deleted")
        );
    }

    private static void put(Map<String, Object> json, String what, @Nullable Stamp stamp) {
        if (stamp != null) {
            json.put(what + "_at", stamp.at().toString());
            json.put(what + "_by", stamp.by());
        }
    }

    private static Stamp stamp(Map<String, Object> stored, String what) {
        String at = (String) stored.get(what + "_at");
        return at == null ? null : new Stamp(Instant.parse(at), (String) stored.get(what + "_by"));
    }
}

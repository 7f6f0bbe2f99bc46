package org.threatsieve.core.blacklists;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

import org.threatsieve.core.Nullable;

/**
 * The record of one pushed content. It stays when the content is removed from the index.
 *
 * @param content the name of the stored parts; {@code null} when they are removed
 * @param parts number of stored parts
 * @param pushed the push
 * @param servedAt the time when this content last became the wanted one
 * @param withdrawn the rollback from this content, if there was one
 * @param deleted the blacklist's deletion, if it was deleted
 */
public record Manifest(
    Pointer pointer,
    long bytes,
    long entries,
    boolean signed,
    @Nullable String content,
    int parts,
    Attribution pushed,
    Instant servedAt,
    @Nullable Attribution withdrawn,
    @Nullable Attribution deleted
) {
    /** The record of a push. */
    public static Manifest pushed(Inspection file, String content, int parts, Attribution pushed) {
        return new Manifest(
            file.pointer(),
            file.bytes(),
            file.entries(),
            file.signed(),
            content,
            parts,
            pushed,
            pushed.at(),
            null,
            null
        );
    }

    /** Returns whether the content is in the index, so that it can be rolled back to. */
    public boolean kept() {
        return content != null;
    }

    Manifest withoutContent() {
        return with(null, servedAt, withdrawn, deleted);
    }

    /** The record after this content became the wanted one again. */
    Manifest servedAgain(Instant at) {
        return with(content, at, null, null);
    }

    Manifest withdrawn(Attribution rollback) {
        return with(content, servedAt, rollback, deleted);
    }

    Manifest deleted(Attribution deletion) {
        return with(content, servedAt, withdrawn, deletion);
    }

    private Manifest with(
        @Nullable String content,
        Instant servedAt,
        @Nullable Attribution withdrawn,
        @Nullable Attribution deleted
    ) {
        return new Manifest(
            pointer,
            bytes,
            entries,
            signed,
            content,
            parts,
            pushed,
            servedAt,
            withdrawn,
            deleted
        );
    }

    /** The record in the API's history. Times are ISO 8601 in UTC. */
    public Map<String, Object> toJson() {
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

    /** The record in the index. */
    public Map<String, Object> toStored() {
        Map<String, Object> stored = toJson();
        stored.remove("kept");
        if (content != null) {
            stored.put("content", content);
        }
        return stored;
    }

    /** Reads a record from the index. */
    public static Manifest ofStored(Map<String, Object> stored) {
        return new Manifest(
            new Pointer(Json.number(stored, "generation"), (String) stored.get("digest")),
            Json.number(stored, "bytes"),
            Json.number(stored, "entries"),
            (Boolean) stored.get("signed"),
            (String) stored.get("content"),
            (int) Json.number(stored, "parts"),
            attribution(stored, "pushed"),
            Instant.parse((String) stored.get("served_at")),
            attribution(stored, "rolled_back"),
            attribution(stored, "deleted")
        );
    }

    private static void put(Map<String, Object> json, String change, @Nullable Attribution made) {
        if (made != null) {
            json.put(change + "_at", made.at().toString());
            json.put(change + "_by", made.by());
        }
    }

    @Nullable
    private static Attribution attribution(Map<String, Object> stored, String change) {
        String at = (String) stored.get(change + "_at");
        if (at == null) {
            return null;
        }
        return new Attribution(Instant.parse(at), (String) stored.get(change + "_by"));
    }
}

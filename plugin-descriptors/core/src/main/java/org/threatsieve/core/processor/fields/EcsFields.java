package org.threatsieve.core.processor.fields;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The fields of the Elastic Common Schema (ECS) that hold observables, with their kinds. A
 * processor reads them unless its options name other fields. Names and kinds are those of the
 * {@code log} crate (host/log/src/fields/known.rs).
 */
public final class EcsFields {
    private static final Map<String, Kind> KINDS = kinds();

    private EcsFields() {}

    /** All of these fields, in the order in which they are read and their matches are written. */
    public static List<String> all() {
        return List.copyOf(KINDS.keySet());
    }

    /** The kind of a field's values: {@link Kind#ANY} for a field that is not listed. */
    public static Kind kindOf(String field) {
        return KINDS.getOrDefault(field, Kind.ANY);
    }

    private static Map<String, Kind> kinds() {
        Map<String, Kind> kinds = new LinkedHashMap<>();
        add(kinds, Kind.URL, "url.original", "url.full");
        add(kinds, Kind.HOST, "url.domain");
        for (String end : List.of("destination", "server", "source", "client")) {
            add(kinds, Kind.ADDRESS, end + ".ip", end + ".nat.ip");
            add(kinds, Kind.HOST, end + ".domain", end + ".address");
        }
        add(kinds, Kind.HOST, "dns.question.name", "dns.answers.name");
        // An address, a name or text, depending on the type of the DNS record.
        add(kinds, Kind.ANY, "dns.answers.data");
        add(kinds, Kind.ADDRESS, "dns.resolved_ip");
        add(kinds, Kind.HOST, "tls.client.server_name");
        for (String file : List.of("file", "process", "dll", "email.attachments.file")) {
            String hash = file + ".hash.";
            add(kinds, Kind.HASH, hash + "md5", hash + "sha1", hash + "sha256");
        }
        add(kinds, Kind.FILE_NAME, "file.name", "file.path", "process.name", "process.executable");
        add(kinds, Kind.FILE_NAME, "dll.name", "dll.path", "email.attachments.file.name");
        for (String party : List.of("from", "sender", "reply_to", "to", "cc", "bcc")) {
            add(kinds, Kind.EMAIL, "email." + party + ".address");
        }
        // The previous page. It comes last because it may not have been fetched now.
        add(kinds, Kind.URL, "http.request.referrer");
        return kinds;
    }

    private static void add(Map<String, Kind> kinds, Kind kind, String... fields) {
        for (String field : fields) {
            kinds.put(field, kind);
        }
    }
}

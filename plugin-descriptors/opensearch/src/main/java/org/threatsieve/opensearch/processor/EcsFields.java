package org.threatsieve.opensearch.processor;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The fields of the Elastic Common Schema that hold observables, with their kinds: what a processor looks at unless it names fields of its
 * own. Names and kinds agree with those of the {@code log} crate (host/log/src/fields.rs).
 */
final class EcsFields {
    private static final Map<String, Kind> KINDS = kinds();

    private EcsFields() {}

    /** All of them, in the order in which they are looked at and their matches are written. */
    static List<String> all() {
        return List.copyOf(KINDS.keySet());
    }

    /** The kind of a field's values. */
    static Kind kindOf(String field) {
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
        // An address, a name or text, by the record's type.
        add(kinds, Kind.ANY, "dns.answers.data");
        add(kinds, Kind.ADDRESS, "dns.resolved_ip");
        add(kinds, Kind.HOST, "tls.client.server_name");
        for (String file : List.of("file", "process", "dll", "email.attachments.file")) {
            add(kinds, Kind.HASH, file + ".hash.md5", file + ".hash.sha1", file + ".hash.sha256");
        }
        for (String party : List.of("from", "sender", "reply_to", "to", "cc", "bcc")) {
            add(kinds, Kind.EMAIL, "email." + party + ".address");
        }
        // The page before: what it names was perhaps not fetched now.
        add(kinds, Kind.URL, "http.request.referrer");
        return kinds;
    }

    private static void add(Map<String, Kind> kinds, Kind kind, String... fields) {
        for (String field : fields) {
            kinds.put(field, kind);
        }
    }
}

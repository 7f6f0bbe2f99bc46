package org.threatsieve.core.processor.options;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.processor.fields.EcsFields;
import org.threatsieve.core.processor.fields.Kind;

/**
 * The options of one query. The names and checks are the processor's.
 *
 * @param fields the fields whose terms are looked up
 * @param blacklist the blacklist's name
 * @param timeField the field with an event's own time; {@code null} if the present counts
 * @param lookup the options for the matcher ({@code Native.checkTerms} describes them)
 */
public record QueryOptions(
    List<QueryField> fields,
    String blacklist,
    @Nullable String timeField,
    Map<String, Object> lookup
) {
    private static final String FIELD = "field";
    private static final String KIND = "kind";
    /** The kinds that a query may name. */
    private static final List<Kind> KINDS = List.of(
        Kind.ANY,
        Kind.HOST,
        Kind.ADDRESS,
        Kind.URL,
        Kind.HASH,
        Kind.EMAIL,
        Kind.FILE_NAME
    );

    /**
     * A field whose terms are looked up.
     *
     * @param kind the kind of its values; {@code null} if the query does not say
     */
    public record QueryField(String name, @Nullable Kind kind) {
        /** The kind of its values: as given, or that of ECS for the field or for its parent. */
        public Kind kindOfValues() {
            if (kind != null) {
                return kind;
            }
            Kind known = EcsFields.kindOf(name);
            int end = name.lastIndexOf('.');
            // The keyword of a text field has the name of the field, a dot, and a name of its own.
            return known == Kind.ANY && end > 0 ? EcsFields.kindOf(name.substring(0, end)) : known;
        }
    }

    /** Reads and checks all options. */
    public static QueryOptions read(OptionReader reader) {
        reader.refuseUnknown();
        List<QueryField> fields = fields(reader);
        String blacklist = ProcessorOptions.anyBlacklist(reader);
        String time = reader.textOrNull(Option.TIME_FIELD, "@timestamp");
        if (time != null) {
            reader.field(Option.TIME_FIELD, time);
        }
        Map<String, Object> lookup = new LinkedHashMap<>();
        lookup.put("min_confidence", reader.number(Option.MIN_CONFIDENCE, 0, 0, 100));
        lookup.put("max_tlp", ProcessorOptions.maxTlp(reader, null));
        lookup.put("partial", reader.truth(Option.PARTIAL, false));
        lookup.put("parts", reader.truth(Option.PARTS, false));
        return new QueryOptions(fields, blacklist, time, lookup);
    }

    /** Returns whether the query asks for candidates, which the caller judges as whole events. */
    public boolean parts() {
        return Boolean.TRUE.equals(lookup.get("parts"));
    }

    private static List<QueryField> fields(OptionReader reader) {
        List<?> given = reader.list(Option.FIELDS);
        if (given == null || given.isEmpty()) {
            String reason = "is missing, expected the fields whose values are looked up, such as"
                + " [\"url.domain\", \"destination.ip\"]";
            throw reader.wrong(Option.FIELDS, reason);
        }
        if (given.size() > ProcessorOptions.MAX_FIELDS) {
            String reason = "has " + given.size() + " fields, expected at most "
                + ProcessorOptions.MAX_FIELDS;
            throw reader.wrong(Option.FIELDS, reason);
        }
        List<QueryField> fields = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        for (Object one : given) {
            QueryField field = field(reader, one);
            reader.field(Option.FIELDS, field.name());
            if (field.name().contains("*")) {
                String held = "holds the pattern [" + field.name() + "]";
                throw reader.wrong(Option.FIELDS, held + ", expected names of fields");
            }
            if (seen.add(field.name()) == false) {
                throw reader.wrong(Option.FIELDS, "names [" + field.name() + "] twice");
            }
            fields.add(field);
        }
        return List.copyOf(fields);
    }

    private static QueryField field(OptionReader reader, Object given) {
        if (given instanceof String name) {
            return new QueryField(name, null);
        }
        if (given instanceof Map<?, ?> object
            && object.get(FIELD) instanceof String name
            && Set.of(FIELD, KIND).containsAll(object.keySet())) {
            return new QueryField(name, kind(reader, object.get(KIND)));
        }
        String reason = "holds [" + given + "], expected names of fields, or objects such as"
            + " {\"field\": \"link\", \"kind\": \"url\"}";
        throw reader.wrong(Option.FIELDS, reason);
    }

    @Nullable
    private static Kind kind(OptionReader reader, @Nullable Object given) {
        if (given == null) {
            return null;
        }
        List<String> names = new ArrayList<>();
        for (Kind kind : KINDS) {
            String name = kind.name().toLowerCase(Locale.ROOT);
            if (name.equals(given)) {
                return kind;
            }
            names.add(name);
        }
        String reason = "holds the kind [" + given + "], expected one of ";
        throw reader.wrong(Option.FIELDS, reason + String.join(", ", names));
    }
}

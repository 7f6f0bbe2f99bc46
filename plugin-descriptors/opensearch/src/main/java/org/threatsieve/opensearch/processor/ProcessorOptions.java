package org.threatsieve.opensearch.processor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;

import org.opensearch.common.xcontent.XContentFactory;
import org.opensearch.core.common.bytes.BytesReference;
import org.opensearch.core.xcontent.XContentBuilder;

/**
 * What one processor does.
 *
 * @param fields the fields looked at, by name; the message field alone when there is one
 * @param message the field of the raw log line, or {@code null} when fields are looked at
 * @param flag the field of the flag, or {@code null} when none is written
 * @param flagValue what the flag says
 * @param target where enrichments go
 * @param blacklist the blacklist's name
 * @param stamp which events get the generation
 * @param onUnavailable what becomes of events that could not be checked
 * @param nativeJson what native code is to know of it, as JSON
 */
record ProcessorOptions(
    FieldTree fields,
    FieldPath message,
    FieldPath flag,
    String flagValue,
    FieldPath target,
    String blacklist,
    Stamp stamp,
    OnUnavailable onUnavailable,
    byte[] nativeJson
) {
    /** Our own object in events. */
    static final String OURS = "threatsieve";

    /** The field that ECS has for enrichments. */
    private static final String ENRICHMENTS = "threat.enrichments";

    private static final Pattern BLACKLIST = Pattern.compile("[a-z0-9_-]{1,64}");
    private static final List<String> FORMATS = List.of("squid", "combined", "text", "auto");
    private static final List<String> TLP_LEVELS = List.of("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED");
    /** A field's place in the list is one byte of the contract with native code. */
    private static final int MAX_FIELDS = 256;
    private static final int DEFAULT_MATCHES = 100;
    private static final int MAX_MATCHES = 1000;

    /** Reads and checks all options. */
    static ProcessorOptions read(OptionReader reader) {
        reader.refuseUnknown();
        if (reader.has(Option.FIELDS) && reader.has(Option.MESSAGE_FIELD)) {
            throw reader.refused(Option.MESSAGE_FIELD, "cannot stand beside [fields]: use one processor for each");
        }
        if (reader.has(Option.MESSAGE_FORMAT) && reader.has(Option.MESSAGE_FIELD) == false) {
            throw reader.refused(Option.MESSAGE_FORMAT, "says nothing without [message_field]");
        }
        FieldPath message = null;
        String format = null;
        List<String> fields;
        if (reader.has(Option.MESSAGE_FIELD)) {
            message = reader.field(Option.MESSAGE_FIELD, reader.text(Option.MESSAGE_FIELD, null));
            format = reader.oneOf(Option.MESSAGE_FORMAT, reader.text(Option.MESSAGE_FORMAT, "squid"), FORMATS);
            fields = List.of(message.name());
        } else {
            fields = fields(reader);
        }
        FieldPath target = own(reader, Option.TARGET_FIELD, reader.text(Option.TARGET_FIELD, ENRICHMENTS), fields);
        FieldPath flag = flag(reader, target, fields);
        String flagValue = reader.text(Option.FLAG_VALUE, "matched");
        String blacklist = blacklist(reader);
        Stamp stamp = reader.word(Option.STAMP, Stamp.MATCHED);
        OnUnavailable onUnavailable = reader.word(Option.ON_UNAVAILABLE, OnUnavailable.MARK);
        byte[] nativeJson = nativeJson(
            fields,
            format,
            reader.number(Option.MIN_CONFIDENCE, 0, 0, 100),
            maxTlp(reader),
            reader.number(Option.MAX_MATCHES, DEFAULT_MATCHES, 1, MAX_MATCHES),
            reader.truth(Option.PARTIAL, false),
            stamp
        );
        FieldTree tree = message == null ? new FieldTree(fields) : null;
        return new ProcessorOptions(tree, message, flag, flagValue, target, blacklist, stamp, onUnavailable, nativeJson);
    }

    private static List<String> fields(OptionReader reader) {
        List<String> fields = reader.texts(Option.FIELDS, EcsFields.all());
        if (fields.isEmpty()) {
            throw reader.refused(Option.FIELDS, "is empty, expected at least one field; leave it out for those of ECS");
        }
        if (fields.size() > MAX_FIELDS) {
            throw reader.refused(Option.FIELDS, "has " + fields.size() + " fields, at most " + MAX_FIELDS + " are taken");
        }
        Set<String> seen = new HashSet<>();
        for (String field : fields) {
            reader.field(Option.FIELDS, field);
            if (seen.add(field) == false) {
                throw reader.refused(Option.FIELDS, "names [" + field + "] twice");
            }
        }
        return fields;
    }

    private static FieldPath flag(OptionReader reader, FieldPath target, List<String> read) {
        String name = reader.textOrNull(Option.FLAG_FIELD, "indicator");
        if (name == null) {
            if (reader.has(Option.FLAG_VALUE)) {
                throw reader.refused(Option.FLAG_VALUE, "says nothing where [flag_field] is null");
            }
            return null;
        }
        if (reader.field(Option.FLAG_FIELD, name).overlaps(target)) {
            throw reader.refused(Option.FLAG_FIELD, "is [" + name + "], which cannot be together with [target_field] " + target.name());
        }
        return own(reader, Option.FLAG_FIELD, name, read);
    }

    /** A field that is written: one that is neither read nor defined by ECS for something else. */
    private static FieldPath own(OptionReader reader, Option option, String name, List<String> read) {
        FieldPath field = reader.field(option, name);
        if (field.overlaps(new FieldPath(OURS))) {
            throw reader.refused(option, "is [" + name + "], but [" + OURS + "] is written by the processor itself");
        }
        for (String other : read) {
            if (field.overlaps(new FieldPath(other))) {
                throw reader.refused(option, "is [" + name + "], which overlaps [" + other + "], a field that the processor reads");
            }
        }
        String conflict = option == Option.TARGET_FIELD && name.equals(ENRICHMENTS) ? null : EcsSchema.conflict(field);
        if (conflict != null) {
            throw reader.refused(option, "is [" + name + "], " + conflict + ": name a field of your own");
        }
        return field;
    }

    private static String blacklist(OptionReader reader) {
        String name = reader.text(Option.BLACKLIST, "default");
        if (BLACKLIST.matcher(name).matches() == false) {
            throw reader.refused(Option.BLACKLIST, "is [" + name + "], expected 1 to 64 of a-z, 0-9, - and _");
        }
        return name;
    }

    private static String maxTlp(OptionReader reader) {
        String level = reader.textOrNull(Option.MAX_TLP, "AMBER");
        return level == null ? null : reader.oneOf(Option.MAX_TLP, level.toUpperCase(Locale.ROOT), TLP_LEVELS);
    }

    private static byte[] nativeJson(
        List<String> fields,
        String format,
        int minConfidence,
        String maxTlp,
        int maxMatches,
        boolean partial,
        Stamp stamp
    ) {
        try (XContentBuilder json = XContentFactory.jsonBuilder()) {
            json.startObject().field("fields", fields);
            if (format != null) {
                json.field("message_format", format);
            }
            json.field("min_confidence", minConfidence)
                .field("max_tlp", maxTlp)
                .field("max_matches", maxMatches)
                .field("partial", partial)
                .field("stamp", stamp.name().toLowerCase(Locale.ROOT))
                .endObject();
            return BytesReference.toBytes(BytesReference.bytes(json));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

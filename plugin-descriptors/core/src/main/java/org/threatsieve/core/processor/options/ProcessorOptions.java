package org.threatsieve.core.processor.options;

import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.BlacklistName;
import org.threatsieve.core.processor.fields.EcsFields;
import org.threatsieve.core.processor.fields.EcsSchema;
import org.threatsieve.core.processor.fields.FieldPath;
import org.threatsieve.core.processor.fields.FieldTree;

/**
 * The options of one processor.
 *
 * @param fields the fields to read; {@code null} if there is a message field
 * @param message the field with the raw log line; {@code null} if fields are read
 * @param flag the field for the flag; {@code null} for no flag
 * @param flagValue the flag's value
 * @param target the field for enrichments
 * @param blacklist the blacklist's name
 * @param stamp the events that get the generation
 * @param onUnavailable the handling of events that could not be checked
 * @param lookup the options for the matcher ({@code Native.check} describes them)
 */
public record ProcessorOptions(
    @Nullable FieldTree fields,
    @Nullable FieldPath message,
    @Nullable FieldPath flag,
    String flagValue,
    FieldPath target,
    String blacklist,
    Stamp stamp,
    OnUnavailable onUnavailable,
    Map<String, Object> lookup
) {
    /** The name of our own object in events. */
    public static final String OURS = "threatsieve";

    /** The ECS field for enrichments. */
    private static final String ENRICHMENTS = "threat.enrichments";

    private static final List<String> FORMATS = List.of("squid", "combined", "text", "auto");
    private static final List<String> TLP_LEVELS = List.of(
        "CLEAR",
        "GREEN",
        "AMBER",
        "AMBER+STRICT",
        "RED"
    );
    /** The contract with native code has one byte for a field's place in the list. */
    static final int MAX_FIELDS = 256;
    private static final int DEFAULT_MATCHES = 100;
    private static final int MAX_MATCHES = 1000;

    /** Reads and checks all options. */
    public static ProcessorOptions read(OptionReader reader) {
        reader.refuseUnknown();
        if (reader.has(Option.FIELDS) && reader.has(Option.MESSAGE_FIELD)) {
            String reason = "cannot be used together with [fields]: use one processor for each";
            throw reader.wrong(Option.MESSAGE_FIELD, reason);
        }
        if (reader.has(Option.MESSAGE_FORMAT) && reader.has(Option.MESSAGE_FIELD) == false) {
            throw reader.wrong(Option.MESSAGE_FORMAT, "has no effect without [message_field]");
        }
        FieldPath message = null;
        String format = null;
        List<String> fields;
        if (reader.has(Option.MESSAGE_FIELD)) {
            message = reader.field(Option.MESSAGE_FIELD, reader.text(Option.MESSAGE_FIELD, null));
            String given = reader.text(Option.MESSAGE_FORMAT, "squid");
            format = reader.oneOf(Option.MESSAGE_FORMAT, given, FORMATS);
            fields = List.of(message.name());
        } else {
            fields = fields(reader);
        }
        String targetName = reader.text(Option.TARGET_FIELD, ENRICHMENTS);
        FieldPath target = own(reader, Option.TARGET_FIELD, targetName, fields);
        FieldPath flag = flag(reader, target, fields);
        String flagValue = reader.text(Option.FLAG_VALUE, "matched");
        Stamp stamp = reader.word(Option.STAMP, Stamp.MATCHED);
        return new ProcessorOptions(
            message == null ? new FieldTree(fields) : null,
            message,
            flag,
            flagValue,
            target,
            blacklist(reader),
            stamp,
            reader.word(Option.ON_UNAVAILABLE, OnUnavailable.MARK),
            lookup(reader, fields, format, stamp)
        );
    }

    private static List<String> fields(OptionReader reader) {
        List<String> fields = reader.texts(Option.FIELDS, EcsFields.all());
        if (fields.isEmpty()) {
            String reason = "is empty, expected at least one field; leave it out to read those of ECS";
            throw reader.wrong(Option.FIELDS, reason);
        }
        if (fields.size() > MAX_FIELDS) {
            String reason = "has " + fields.size() + " fields, expected at most " + MAX_FIELDS;
            throw reader.wrong(Option.FIELDS, reason);
        }
        Set<String> seen = new HashSet<>();
        for (String field : fields) {
            reader.field(Option.FIELDS, field);
            if (seen.add(field) == false) {
                throw reader.wrong(Option.FIELDS, "names [" + field + "] twice");
            }
        }
        return fields;
    }

    @Nullable
    private static FieldPath flag(OptionReader reader, FieldPath target, List<String> read) {
        String name = reader.textOrNull(Option.FLAG_FIELD, "indicator");
        if (name == null) {
            if (reader.has(Option.FLAG_VALUE)) {
                throw reader.wrong(Option.FLAG_VALUE, "has no effect if [flag_field] is null");
            }
            return null;
        }
        if (reader.field(Option.FLAG_FIELD, name).overlaps(target)) {
            String why = "which cannot be used together with [target_field] " + target.name();
            throw reader.wrong(Option.FLAG_FIELD, "is [" + name + "], " + why);
        }
        return own(reader, Option.FLAG_FIELD, name, read);
    }

    /**
     * Checks a field that the processor writes. The processor may not read it, and ECS may not
     * define it for something else.
     */
    private static FieldPath own(
        OptionReader reader,
        Option option,
        String name,
        List<String> read
    ) {
        FieldPath field = reader.field(option, name);
        String is = "is [" + name + "], ";
        if (field.overlaps(new FieldPath(OURS))) {
            String why = "but [" + OURS + "] is written by the processor itself";
            throw reader.wrong(option, is + why);
        }
        for (String other : read) {
            if (field.overlaps(new FieldPath(other))) {
                String why = "which overlaps [" + other + "], a field that the processor reads";
                throw reader.wrong(option, is + why);
            }
        }
        boolean forEnrichments = option == Option.TARGET_FIELD && name.equals(ENRICHMENTS);
        String conflict = forEnrichments ? null : EcsSchema.conflict(field);
        if (conflict != null) {
            throw reader.wrong(option, is + conflict + ": name a field of your own");
        }
        return field;
    }

    private static String blacklist(OptionReader reader) {
        String name = anyBlacklist(reader);
        if (BlacklistName.isTemporary(name)) {
            String reason = "is [" + name + "], but names that begin with ["
                + BlacklistName.TEMPORARY
                + "] are the controller's temporary blacklists, for searches only";
            throw reader.wrong(Option.BLACKLIST, reason);
        }
        return name;
    }

    /** Reads the name of a blacklist, which may be a temporary one. */
    static String anyBlacklist(OptionReader reader) {
        String name = reader.text(Option.BLACKLIST, "default");
        if (BlacklistName.isValid(name) == false) {
            String reason = "is [" + name + "], expected " + BlacklistName.EXPECTED;
            throw reader.wrong(Option.BLACKLIST, reason);
        }
        return name;
    }

    /** Reads a marking; {@code null} is no ceiling. */
    @Nullable
    static String maxTlp(OptionReader reader, @Nullable String absent) {
        String level = reader.textOrNull(Option.MAX_TLP, absent);
        if (level == null) {
            return null;
        }
        return reader.oneOf(Option.MAX_TLP, level.toUpperCase(Locale.ROOT), TLP_LEVELS);
    }

    private static Map<String, Object> lookup(
        OptionReader reader,
        List<String> fields,
        @Nullable String format,
        Stamp stamp
    ) {
        Map<String, Object> lookup = new LinkedHashMap<>();
        lookup.put("fields", fields);
        if (format != null) {
            lookup.put("message_format", format);
        }
        lookup.put("min_confidence", reader.number(Option.MIN_CONFIDENCE, 0, 0, 100));
        lookup.put("max_tlp", maxTlp(reader, "AMBER"));
        lookup.put(
            "max_matches",
            reader.number(Option.MAX_MATCHES, DEFAULT_MATCHES, 1, MAX_MATCHES)
        );
        lookup.put("partial", reader.truth(Option.PARTIAL, false));
        lookup.put("stamp", stamp.name().toLowerCase(Locale.ROOT));
        return lookup;
    }
}

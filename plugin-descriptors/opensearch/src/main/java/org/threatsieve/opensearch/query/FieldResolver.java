package org.threatsieve.opensearch.query;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import org.opensearch.index.mapper.DateFieldMapper;
import org.opensearch.index.mapper.IpFieldMapper;
import org.opensearch.index.mapper.KeywordFieldMapper;
import org.opensearch.index.mapper.MappedFieldType;
import org.opensearch.index.query.QueryShardContext;
import org.opensearch.index.query.QueryShardException;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.processor.fields.Kind;
import org.threatsieve.core.processor.options.QueryOptions;
import org.threatsieve.core.processor.options.QueryOptions.QueryField;
import org.threatsieve.opensearch.query.EventFields.PortType;

/** Finds the fields of a query in an index, and refuses those without a dictionary of values. */
final class FieldResolver {
    private static final String ADDRESS = IpFieldMapper.CONTENT_TYPE;
    private static final String TEXT = KeywordFieldMapper.CONTENT_TYPE;
    private static final Set<String> NUMBERS = Set.of("integer", "long", "short", "unsigned_long");

    private final QueryShardContext context;

    private FieldResolver(QueryShardContext context) {
        this.context = context;
    }

    /** Returns a query with the fields that the index has. */
    static TermSearch resolve(QueryOptions options, QueryShardContext context) {
        FieldResolver resolver = new FieldResolver(context);
        List<TermField> fields = new ArrayList<>();
        for (QueryField field : options.fields()) {
            MappedFieldType type = context.fieldMapper(field.name());
            if (type != null) {
                TermField found = resolver.field(field, type);
                // A file's name counts only together with values that the query finds by others.
                if (found.kind() != Kind.FILE_NAME) {
                    fields.add(found);
                }
            }
        }
        return new TermSearch(options, List.copyOf(fields), resolver.event(options));
    }

    private TermField field(QueryField field, MappedFieldType type) {
        // The type has another name than the field if the field is an alias.
        switch (type.typeName()) {
            case ADDRESS -> {
                requireDocValues(field.name(), type);
                Kind kind = field.kindOfValues() == Kind.ANY ? Kind.ADDRESS : field.kindOfValues();
                return new TermField(
                    type.name(),
                    kind,
                    TermField.Encoding.ADDRESS,
                    type.isSearchable()
                );
            }
            case TEXT -> {
                if (type.isSearchable() == false) {
                    requireDocValues(field.name(), type);
                }
                return new TermField(
                    type.name(),
                    field.kindOfValues(),
                    TermField.Encoding.TEXT,
                    type.isSearchable()
                );
            }
            default -> throw refused(
                "cannot look up the field ["
                    + field.name()
                    + "] of type ["
                    + type.typeName()
                    + "], which has no dictionary of values: expected a field of type ["
                    + TEXT
                    + "] or ["
                    + ADDRESS
                    + "]"
                    + advice(field.name())
            );
        }
    }

    private void requireDocValues(String name, MappedFieldType type) {
        if (type.hasDocValues() == false) {
            String reason = "cannot look up the field ["
                + name
                + "] of type ["
                + type.typeName()
                + "], which is mapped without [doc_values]: map it with them in new indices";
            throw refused(reason);
        }
    }

    /** Names a sub-field that can be looked up, if there is one. */
    private String advice(String name) {
        for (MappedFieldType type : context.getMapperService().fieldTypes()) {
            if (type.name().startsWith(name + ".") && TEXT.equals(type.typeName())) {
                return "; [" + type.name() + "] is one";
            }
        }
        return "";
    }

    private EventFields event(QueryOptions options) {
        String time = options.timeField();
        PortType port = portType(context.fieldMapper(EventFields.PORT));
        MappedFieldType type = time == null ? null : context.fieldMapper(time);
        if (type == null) {
            return new EventFields(null, false, port);
        }
        if (type.hasDocValues() && type instanceof DateFieldMapper.DateFieldType date) {
            boolean nanoseconds = date.resolution() == DateFieldMapper.Resolution.NANOSECONDS;
            return new EventFields(type.name(), nanoseconds, port);
        }
        if (options.parts()) {
            // Candidates of any time.
            return new EventFields(null, false, port);
        }
        throw refused(
            "cannot read events' times from ["
                + time
                + "] of type ["
                + type.typeName()
                + "]: expected in [time_field] a date with [doc_values], or null if the present"
                + " counts for all events"
        );
    }

    private static PortType portType(@Nullable MappedFieldType type) {
        if (type == null || type.hasDocValues() == false) {
            return PortType.NONE;
        }
        if (NUMBERS.contains(type.typeName())) {
            return PortType.NUMBER;
        }
        return TEXT.equals(type.typeName()) ? PortType.TEXT : PortType.NONE;
    }

    private QueryShardException refused(String reason) {
        return new QueryShardException(
            context,
            "[" + ThreatMatchQueryBuilder.NAME + "] " + reason
        );
    }
}

package org.threatsieve.opensearch.query;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

import org.apache.lucene.search.MatchNoDocsQuery;
import org.apache.lucene.search.Query;
import org.opensearch.core.common.ParsingException;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.core.common.io.stream.StreamOutput;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.core.xcontent.XContentParser;
import org.opensearch.index.query.AbstractQueryBuilder;
import org.opensearch.index.query.QueryShardContext;
import org.opensearch.index.query.QueryShardException;
import org.threatsieve.core.matcher.Served;
import org.threatsieve.core.processor.options.Option;
import org.threatsieve.core.processor.options.OptionReader;
import org.threatsieve.core.processor.options.QueryOptions;
import org.threatsieve.core.processor.options.WrongOption;

/** The query {@code threat_match}, as requests have it. */
public final class ThreatMatchQueryBuilder extends AbstractQueryBuilder<ThreatMatchQueryBuilder> {
    public static final String NAME = "threat_match";

    private final QueryService service;
    /** The options as they were given. */
    private final Map<String, Object> given;
    private final QueryOptions options;

    private ThreatMatchQueryBuilder(QueryService service, Map<String, Object> given) {
        this.service = service;
        this.given = given;
        this.options = read(given);
    }

    /** Reads a query that another node sent. */
    public ThreatMatchQueryBuilder(StreamInput in, QueryService service) throws IOException {
        super(in);
        this.service = service;
        this.given = in.readMap();
        this.options = read(given);
    }

    private static QueryOptions read(Map<String, Object> given) {
        return QueryOptions.read(
            new OptionReader(NAME, new LinkedHashMap<>(given), Option.QUERY)
        );
    }

    /** Reads a query of a request. */
    public static ThreatMatchQueryBuilder read(XContentParser parser, QueryService service)
        throws IOException {
        Map<String, Object> given = new LinkedHashMap<>(parser.mapOrdered());
        Object boost = given.remove(BOOST_FIELD.getPreferredName());
        Object name = given.remove(NAME_FIELD.getPreferredName());
        try {
            ThreatMatchQueryBuilder query = new ThreatMatchQueryBuilder(service, given);
            if (boost != null) {
                query.boost(Float.parseFloat(boost.toString()));
            }
            return query.queryName(name == null ? null : name.toString());
        } catch (WrongOption e) {
            throw wrong(parser, "[" + e.option() + "] " + e.getMessage());
        } catch (NumberFormatException e) {
            throw wrong(parser, "[boost] is [" + boost + "], expected a number");
        }
    }

    private static ParsingException wrong(XContentParser parser, String reason) {
        return new ParsingException(parser.getTokenLocation(), "[" + NAME + "] " + reason);
    }

    @Override
    public String getWriteableName() {
        return NAME;
    }

    @Override
    protected void doWriteTo(StreamOutput out) throws IOException {
        out.writeMap(given);
    }

    @Override
    protected void doXContent(XContentBuilder builder, Params params) throws IOException {
        builder.startObject(NAME);
        for (Map.Entry<String, Object> option : given.entrySet()) {
            builder.field(option.getKey(), option.getValue());
        }
        printBoostAndQueryName(builder);
        builder.endObject();
    }

    @Override
    protected Query doToQuery(QueryShardContext context) {
        if (context.allowExpensiveQueries() == false) {
            String reason = "[" + NAME
                + "] queries cannot be executed when 'search.allow_expensive_queries' is set to"
                + " false.";
            throw new QueryShardException(context, reason);
        }
        // Asking for the time also keeps the answer out of the cache of requests, which does not
        // know what the node serves.
        long now = context.nowInMillis() * 1000;
        TermSearch search = FieldResolver.resolve(options, context);
        if (search.fields().isEmpty()) {
            return new MatchNoDocsQuery("the index has none of the fields of [" + NAME + "]");
        }
        Served served = service.servedOrNull(options.blacklist());
        return new ThreatMatchQuery(service, search, served, now);
    }

    @Override
    protected boolean doEquals(ThreatMatchQueryBuilder other) {
        return options.equals(other.options);
    }

    @Override
    protected int doHashCode() {
        return options.hashCode();
    }
}

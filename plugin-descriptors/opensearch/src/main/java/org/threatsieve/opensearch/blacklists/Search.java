package org.threatsieve.opensearch.blacklists;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

import org.opensearch.action.admin.indices.refresh.RefreshAction;
import org.opensearch.action.admin.indices.refresh.RefreshRequest;
import org.opensearch.action.search.SearchAction;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.index.query.QueryBuilder;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.search.SearchHit;
import org.opensearch.search.aggregations.bucket.composite.CompositeAggregation;
import org.opensearch.search.aggregations.bucket.composite.CompositeAggregationBuilder;
import org.opensearch.search.aggregations.bucket.composite.TermsValuesSourceBuilder;
import org.opensearch.search.builder.SearchSourceBuilder;

/** Searches of {@link BlacklistIndex}, all of them to the last hit. */
final class Search {
    private static final int PAGE = 1000;

    private final BlacklistIndex index;

    Search(BlacklistIndex index) {
        this.index = index;
    }

    /** Has searches see what is written by now. */
    void refresh() {
        index.execute(RefreshAction.INSTANCE, new RefreshRequest(BlacklistIndex.NAME));
    }

    /** The sources of documents of a kind. */
    List<Map<String, Object>> sources(QueryBuilder query) {
        List<Map<String, Object>> sources = new ArrayList<>();
        each(new SearchSourceBuilder().query(query), hit -> sources.add(hit.getSourceAsMap()));
        return sources;
    }

    /** The identifiers of documents. */
    List<String> identifiers(QueryBuilder query) {
        List<String> identifiers = new ArrayList<>();
        each(new SearchSourceBuilder().query(query).fetchSource(false), hit -> identifiers.add(hit.getId()));
        return identifiers;
    }

    private void each(SearchSourceBuilder source, Consumer<SearchHit> visitor) {
        // By time of storing and then in the index's order: nothing else is sortable in all documents.
        source.size(PAGE).sort("stored_at").sort("_doc");
        Object[] last = null;
        while (true) {
            if (last != null) {
                source.searchAfter(last);
            }
            SearchHit[] hits = index.execute(SearchAction.INSTANCE, new SearchRequest(BlacklistIndex.NAME).source(source)).getHits().getHits();
            for (SearchHit hit : hits) {
                visitor.accept(hit);
            }
            if (hits.length < PAGE) {
                return;
            }
            last = hits[hits.length - 1].getSortValues();
        }
    }

    /** A content that has documents, and the blacklist that it is of. */
    record Content(String name, String content) {}

    /** The contents that documents are of. */
    List<Content> contents(QueryBuilder query) {
        List<Content> contents = new ArrayList<>();
        CompositeAggregationBuilder pairs = new CompositeAggregationBuilder(
            "contents",
            List.of(new TermsValuesSourceBuilder("name").field("name"), new TermsValuesSourceBuilder("content").field("content"))
        ).size(PAGE);
        SearchSourceBuilder source = new SearchSourceBuilder().query(query).size(0).aggregation(pairs);
        while (true) {
            CompositeAggregation page = index.execute(SearchAction.INSTANCE, new SearchRequest(BlacklistIndex.NAME).source(source))
                .getAggregations()
                .get("contents");
            for (CompositeAggregation.Bucket bucket : page.getBuckets()) {
                contents.add(new Content((String) bucket.getKey().get("name"), (String) bucket.getKey().get("content")));
            }
            if (page.afterKey() == null || page.getBuckets().size() < PAGE) {
                return contents;
            }
            pairs.aggregateAfter(page.afterKey());
        }
    }

    static QueryBuilder ofKind(String... kinds) {
        return QueryBuilders.termsQuery("kind", kinds);
    }
}

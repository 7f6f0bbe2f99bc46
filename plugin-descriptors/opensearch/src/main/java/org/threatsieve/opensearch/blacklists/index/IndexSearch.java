package org.threatsieve.opensearch.blacklists.index;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

import org.opensearch.action.search.SearchAction;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchResponse;
import org.opensearch.index.query.BoolQueryBuilder;
import org.opensearch.index.query.QueryBuilder;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.search.SearchHit;
import org.opensearch.search.aggregations.bucket.composite.CompositeAggregation;
import org.opensearch.search.aggregations.bucket.composite.CompositeAggregationBuilder;
import org.opensearch.search.aggregations.bucket.composite.TermsValuesSourceBuilder;
import org.opensearch.search.builder.SearchSourceBuilder;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.core.blacklists.store.Selection;
import org.threatsieve.core.blacklists.store.StoredContent;

/** Searches of the index. Each reads all hits, page by page. */
final class IndexSearch {
    private static final int PAGE = 1000;

    private final BlacklistIndex index;

    IndexSearch(BlacklistIndex index) {
        this.index = index;
    }

    List<Map<String, Object>> sources(Selection selection) {
        List<Map<String, Object>> sources = new ArrayList<>();
        SearchSourceBuilder search = new SearchSourceBuilder().query(query(selection));
        each(search, hit -> sources.add(hit.getSourceAsMap()));
        return sources;
    }

    List<String> identifiers(Selection selection) {
        List<String> identifiers = new ArrayList<>();
        SearchSourceBuilder search = new SearchSourceBuilder().query(query(selection));
        each(search.fetchSource(false), hit -> identifiers.add(hit.getId()));
        return identifiers;
    }

    private void each(SearchSourceBuilder search, Consumer<SearchHit> visitor) {
        // All documents can be sorted by these two, and by nothing else.
        search.size(PAGE).sort("stored_at").sort("_doc");
        while (true) {
            SearchHit[] hits = run(search).getHits().getHits();
            for (SearchHit hit : hits) {
                visitor.accept(hit);
            }
            if (hits.length < PAGE) {
                return;
            }
            search.searchAfter(hits[hits.length - 1].getSortValues());
        }
    }

    List<StoredContent> contents(Selection selection) {
        List<StoredContent> contents = new ArrayList<>();
        CompositeAggregationBuilder pairs = new CompositeAggregationBuilder(
            "contents",
            List.of(
                new TermsValuesSourceBuilder("name").field("name"),
                new TermsValuesSourceBuilder("content").field("content")
            )
        ).size(PAGE);
        SearchSourceBuilder search = new SearchSourceBuilder().query(query(selection))
            .size(0)
            .aggregation(pairs);
        while (true) {
            CompositeAggregation page = run(search).getAggregations().get("contents");
            for (CompositeAggregation.Bucket bucket : page.getBuckets()) {
                Map<String, Object> key = bucket.getKey();
                contents.add(
                    new StoredContent((String) key.get("name"), (String) key.get("content"))
                );
            }
            if (page.afterKey() == null || page.getBuckets().size() < PAGE) {
                return contents;
            }
            pairs.aggregateAfter(page.afterKey());
        }
    }

    private SearchResponse run(SearchSourceBuilder search) {
        SearchRequest request = new SearchRequest(Documents.INDEX).source(search);
        return index.execute(SearchAction.INSTANCE, request);
    }

    static QueryBuilder query(Selection selection) {
        BoolQueryBuilder query = QueryBuilders.boolQuery()
            .filter(QueryBuilders.termsQuery("kind", selection.kinds()));
        if (selection.content() != null) {
            query.filter(QueryBuilders.termQuery("content", selection.content()));
        }
        if (selection.storedBefore() != null) {
            long millis = selection.storedBefore().toEpochMilli();
            query.filter(QueryBuilders.rangeQuery("stored_at").lt(millis));
        }
        return query;
    }
}

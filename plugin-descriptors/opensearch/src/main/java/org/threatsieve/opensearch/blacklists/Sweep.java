package org.threatsieve.opensearch.blacklists;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.action.bulk.BulkRequest;
import org.opensearch.action.delete.DeleteRequest;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.index.query.BoolQueryBuilder;
import org.opensearch.index.query.QueryBuilders;

/** Removes what is left in the index of uploads that were given up, of nodes that ended in between, and of blacklists deleted long ago. */
final class Sweep {
    private static final Logger logger = LogManager.getLogger(Sweep.class);

    /** Parts that no history names are removed after it. */
    static final TimeValue ORPHANED_AFTER = TimeValue.timeValueHours(2);

    /** Histories of deleted blacklists are removed after it. */
    static final TimeValue FORGOTTEN_AFTER = TimeValue.timeValueDays(90);

    private static final int DELETED_AT_A_TIME = 1000;

    private final ClusterService clusterService;
    private final BlacklistIndex index;
    private final Store store;
    private final Search search;

    Sweep(ClusterService clusterService, BlacklistIndex index, Store store, Search search) {
        this.clusterService = clusterService;
        this.index = index;
        this.store = store;
        this.search = search;
    }

    /** A failure costs room, until the next time. */
    void run() {
        try {
            if (index.exists()) {
                removeOrphans();
                forget();
            }
        } catch (RuntimeException e) {
            logger.warn("old documents stay in [{}] for now: {}", BlacklistIndex.NAME, e.toString());
        }
    }

    /** Removes old contents that their own blacklist's history does not name. */
    private void removeOrphans() {
        Map<String, Set<String>> named = new HashMap<>();
        for (Search.Content one : search.contents(old(ORPHANED_AFTER, "part", "upload"))) {
            Set<String> contents = named.computeIfAbsent(one.name(), name -> store.history(name).contents(pointer(name)));
            if (contents.contains(one.content()) == false) {
                removeAll(one.content());
                logger.info("parts of a content of [{}] that nothing uses any more are removed", one.name());
            }
        }
    }

    private void removeAll(String content) {
        List<String> identifiers = search.identifiers(
            QueryBuilders.boolQuery().filter(Search.ofKind("part", "upload")).filter(QueryBuilders.termQuery("content", content))
        );
        for (int from = 0; from < identifiers.size(); from += DELETED_AT_A_TIME) {
            BulkRequest request = new BulkRequest();
            identifiers.subList(from, Math.min(identifiers.size(), from + DELETED_AT_A_TIME))
                .forEach(identifier -> request.add(new DeleteRequest(BlacklistIndex.NAME, identifier)));
            store.remove(request);
        }
    }

    private void forget() {
        for (Map<String, Object> source : search.sources(old(FORGOTTEN_AFTER, "blacklist"))) {
            History history = store.history((String) source.get("name"));
            if (history.isDeleted() && pointer(history.name()) == null) {
                store.remove(history);
            }
        }
    }

    private static BoolQueryBuilder old(TimeValue age, String... kinds) {
        return QueryBuilders.boolQuery()
            .filter(Search.ofKind(kinds))
            .filter(QueryBuilders.rangeQuery("stored_at").lt(Instant.now().toEpochMilli() - age.millis()));
    }

    private Pointer pointer(String name) {
        return Pointers.of(clusterService.state()).get(name);
    }
}

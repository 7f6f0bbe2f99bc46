package org.threatsieve.opensearch.blacklists.index;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.opensearch.index.query.BoolQueryBuilder;
import org.opensearch.index.query.QueryBuilder;
import org.opensearch.index.shard.IllegalIndexShardStateException;
import org.opensearch.index.shard.IndexShardState;
import org.opensearch.core.index.shard.ShardId;
import org.opensearch.transport.RemoteTransportException;
import org.threatsieve.core.blacklists.store.Selection;

class IndexSearchTest {
    private static String query(Selection selection) {
        BoolQueryBuilder query = (BoolQueryBuilder) IndexSearch.query(selection);
        assertEquals(List.of(), query.must());
        assertEquals(List.of(), query.should());
        return query.filter()
            .stream()
            .map(QueryBuilder::toString)
            .collect(Collectors.joining())
            .replaceAll("\\s", "");
    }

    @Test
    void everyConditionIsAFilter() {
        String kinds = query(Selection.ofKinds("part", "upload"));
        assertTrue(kinds.contains("\"kind\":[\"part\",\"upload\"]"), kinds);
        assertFalse(kinds.contains("content") || kinds.contains("stored_at"), kinds);
        Instant time = Instant.ofEpochMilli(1_764_072_000_123L);
        String all = query(Selection.ofKinds("part").ofContent("x").storedBefore(time));
        assertTrue(all.contains("\"content\":{\"value\":\"x\""), all);
        assertTrue(all.contains("\"to\":1764072000123"), all);
        assertTrue(all.contains("\"include_upper\":false"), all);
    }

    @Test
    void aShardThatIsStartingIsWaitedFor() {
        ShardId shard = new ShardId("index", "uuid", 0);
        Exception starting = new IllegalIndexShardStateException(
            shard,
            IndexShardState.RECOVERING,
            "recovering"
        );
        assertTrue(BlacklistIndex.isPassing(starting));
        assertTrue(BlacklistIndex.isPassing(new RemoteTransportException("node", starting)));
        assertFalse(BlacklistIndex.isPassing(new IllegalStateException("broken")));
    }
}

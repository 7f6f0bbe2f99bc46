package org.threatsieve.opensearch.query;

import java.util.Set;
import java.util.function.Supplier;

import org.apache.lucene.index.FilterLeafReader;
import org.apache.lucene.index.IndexReader;
import org.apache.lucene.index.LeafReader;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.core.rest.RestStatus;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.NativeException;
import org.threatsieve.core.matcher.Served;
import org.threatsieve.core.query.OwnedCache;
import org.threatsieve.opensearch.blacklists.cluster.ClusterPointers;

/** The parts that a node's queries share: matcher, cache of matching documents, and settings. */
public final class QueryService {
    final Matcher matcher;
    /** The longest that one query may walk through the dictionaries of one shard. */
    final long maxNanos;
    final OwnedCache<MatchKey, SegmentMatches> cache;
    private final Walks walks = new Walks();
    private volatile boolean enabled = true;
    volatile Supplier<Set<String>> pushed = Set::of;

    /**
     * @param maxNanos the longest that one query may walk through the dictionaries of one shard
     * @param cacheBytes the heap for matching documents
     */
    public QueryService(Matcher matcher, long maxNanos, long cacheBytes) {
        this.matcher = matcher;
        this.maxNanos = maxNanos;
        this.cache = new OwnedCache<>(cacheBytes);
    }

    /** Follows the cluster's settings. Called before the node joins the cluster. */
    public void follow(ClusterService clusterService) {
        enabled = QuerySettings.ENABLED.get(clusterService.getSettings());
        clusterService.getClusterSettings()
            .addSettingsUpdateConsumer(QuerySettings.ENABLED, value -> enabled = value);
        pushed = () -> ClusterPointers.names(clusterService.state());
    }

    void requireEnabled() {
        if (enabled == false) {
            String reason = "[threat_match] queries are switched off: the cluster setting ["
                + QuerySettings.ENABLED.getKey()
                + "] is false";
            throw new OpenSearchStatusException(reason, RestStatus.FORBIDDEN);
        }
    }

    /** Returns what this node serves, or {@code null}. An alias is made on any node. */
    @Nullable
    Served servedOrNull(String blacklist) {
        try {
            return matcher.served(blacklist);
        } catch (NativeException e) {
            return null;
        }
    }

    /** Returns what this node serves. The failure says what to do. */
    Served served(String blacklist) {
        try {
            return matcher.served(blacklist);
        } catch (NativeException e) {
            throw failure(blacklist, e);
        }
    }

    /** The failure of a search on this node. */
    OpenSearchStatusException failure(String blacklist, NativeException e) {
        if (NativeException.NO_BLACKLIST.equals(e.kind()) == false) {
            String reason = "[threat_match] cannot look up the terms of this shard in blacklist ["
                + blacklist
                + "] ("
                + e.kind()
                + "): "
                + e.getMessage();
            return new OpenSearchStatusException(reason, RestStatus.SERVICE_UNAVAILABLE, e);
        }
        if (pushed.get().contains(blacklist)) {
            String reason = "[threat_match] the blacklist ["
                + blacklist
                + "] is not loaded on this shard's node: search again when the node has loaded it,"
                + " or see GET _plugins/_threatsieve/blacklist for why it has not";
            return new OpenSearchStatusException(reason, RestStatus.SERVICE_UNAVAILABLE);
        }
        String reason = "[threat_match] there is no blacklist [" + blacklist + "]: push it first";
        return new OpenSearchStatusException(reason, RestStatus.BAD_REQUEST);
    }

    /**
     * Returns the lock for the walk through a segment, so that searches at the same time wait for
     * one walk. {@code null} if its matches are not kept.
     */
    @Nullable
    Walks.Turn turn(LeafReader segment, MatchKey key) {
        Object owner = cache.keepsNothing() ? null : owner(segment);
        return owner == null ? null : walks.turn(owner, key);
    }

    /** Returns the known matches in a segment, or {@code null}. */
    @Nullable
    SegmentMatches known(LeafReader segment, MatchKey key, long now) {
        Object owner = owner(segment);
        SegmentMatches known = owner == null ? null : cache.get(owner, key);
        return known == null || known.holdAt(now) == false ? null : known;
    }

    /** Keeps the matches in a segment until it goes. */
    void keep(LeafReader segment, MatchKey key, SegmentMatches matches) {
        Object owner = owner(segment);
        if (owner != null && cache.put(owner, key, matches, matches.bytes())) {
            segment.getCoreCacheHelper().addClosedListener(cache::remove);
        }
    }

    /**
     * Returns the identity of a segment, or {@code null} if its matches may not be kept: another
     * plugin's reader may hide fields from some users.
     */
    @Nullable
    private static Object owner(LeafReader segment) {
        LeafReader reader = segment;
        while (reader instanceof FilterLeafReader filter) {
            // The engine and Lucene are in one module, each plugin in one of its own.
            if (filter.getClass().getModule() != IndexReader.class.getModule()) {
                return null;
            }
            reader = filter.getDelegate();
        }
        IndexReader.CacheHelper helper = segment.getCoreCacheHelper();
        return helper == null ? null : helper.getKey();
    }
}

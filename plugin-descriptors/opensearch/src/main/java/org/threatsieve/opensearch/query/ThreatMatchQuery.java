package org.threatsieve.opensearch.query;

import java.io.IOException;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.lucene.index.LeafReader;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.search.DocIdSetIterator;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.QueryVisitor;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.Weight;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.matcher.Lookup;
import org.threatsieve.core.matcher.NativeException;
import org.threatsieve.core.matcher.Served;
import org.threatsieve.opensearch.engine.SegmentWeight;

/** Matches the documents of a shard that have a value which an entry of a blacklist covers. */
final class ThreatMatchQuery extends Query {
    /** Attempts at one segment. Blacklists are not replaced so often. */
    private static final int ATTEMPTS = 5;

    /** The time between two checks of whether a search that waits for another is cancelled. */
    private static final long PATIENCE_MILLIS = 50;

    private final QueryService service;
    private final TermSearch search;
    /** The blacklist when the query was made. Queries with other ones are different. */
    @Nullable
    private final Served served;
    /** The present, in microseconds since 1970. */
    private final long now;

    ThreatMatchQuery(
        QueryService service,
        TermSearch search,
        @Nullable Served served,
        long now
    ) {
        this.service = service;
        this.search = search;
        this.served = served;
        this.now = now;
    }

    @Override
    public Weight createWeight(IndexSearcher searcher, ScoreMode scoreMode, float boost) {
        service.requireEnabled();
        service.served(search.options().blacklist());
        return new ThreatMatchWeight(searcher, scoreMode, boost);
    }

    private final class ThreatMatchWeight extends SegmentWeight {
        private final IndexSearcher searcher;
        private final Lookup lookup;
        private final AtomicLong walkedNanos = new AtomicLong();

        ThreatMatchWeight(IndexSearcher searcher, ScoreMode scoreMode, float boost) {
            super(ThreatMatchQuery.this, scoreMode, boost);
            this.searcher = searcher;
            this.lookup = service.matcher.lookup(
                search.options().blacklist(),
                search.options().lookup()
            );
        }

        /** The engine's own cache would not know what the node serves: the plugin has one. */
        @Override
        public boolean isCacheable(LeafReaderContext segment) {
            return false;
        }

        @Override
        protected DocIdSetIterator documents(LeafReaderContext segment) throws IOException {
            String blacklist = search.options().blacklist();
            LeafReader reader = segment.reader();
            for (int attempt = 1;; attempt++) {
                MatchKey key = new MatchKey(search, service.served(blacklist));
                SegmentMatches matches = service.known(reader, key, now);
                if (matches != null) {
                    return matches.documents().iterator();
                }
                try {
                    return walkInTurn(segment, key).documents().iterator();
                } catch (NativeException e) {
                    boolean switched = NativeException.SWITCHED.equals(e.kind());
                    if (switched == false || attempt == ATTEMPTS) {
                        throw service.failure(blacklist, e);
                    }
                }
            }
        }

        private SegmentMatches walkInTurn(LeafReaderContext segment, MatchKey key)
            throws IOException {
            LeafReader reader = segment.reader();
            try (Walks.Turn turn = service.turn(reader, key)) {
                while (turn != null && turn.await(PATIENCE_MILLIS) == false) {
                    SegmentWalk.checkCancelled(reader);
                }
                SegmentMatches matches = service.known(reader, key, now);
                if (matches == null) {
                    matches = walk(segment, key.served());
                    service.keep(reader, key, matches);
                }
                return matches;
            }
        }

        private SegmentMatches walk(LeafReaderContext segment, Served answering)
            throws IOException {
            EventJudge judge = new EventJudge(
                segment.reader(),
                search.event(),
                now,
                search.options().parts()
            );
            SegmentWalk walk = new SegmentWalk(
                segment,
                searcher,
                service.matcher,
                lookup,
                answering,
                judge,
                walkedNanos,
                service.maxNanos
            );
            return walk.run(search.fields());
        }
    }

    @Override
    public void visit(QueryVisitor visitor) {
        if (search.fields().stream().anyMatch(field -> visitor.acceptField(field.name()))) {
            visitor.visitLeaf(this);
        }
    }

    @Override
    public String toString(String field) {
        return "threat_match(" + search.options().blacklist() + " " + search.fields() + ")";
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ThreatMatchQuery query
            && search.equals(query.search)
            && Objects.equals(served, query.served)
            && now == query.now;
    }

    @Override
    public int hashCode() {
        return Objects.hash(search, served, now);
    }
}

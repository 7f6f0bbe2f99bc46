package org.threatsieve.opensearch.engine;

import java.io.IOException;

import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.search.ConstantScoreScorer;
import org.apache.lucene.search.ConstantScoreWeight;
import org.apache.lucene.search.DocIdSetIterator;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.Scorer;
import org.apache.lucene.search.ScorerSupplier;

/** A weight that finds the documents of a segment when they are needed, under one signature. */
public abstract class SegmentWeight extends ConstantScoreWeight {
    private final ScoreMode scoreMode;

    protected SegmentWeight(Query query, ScoreMode scoreMode, float boost) {
        super(query, boost);
        this.scoreMode = scoreMode;
    }

    /** Returns the matching documents, or {@code null} if there are none. */
    protected abstract DocIdSetIterator documents(LeafReaderContext segment) throws IOException;

    @Override
    public final ScorerSupplier scorerSupplier(LeafReaderContext segment) {
        return new ScorerSupplier() {
            @Override
            public Scorer get(long leadCost) throws IOException {
                DocIdSetIterator found = documents(segment);
                return new ConstantScoreScorer(
                    score(),
                    scoreMode,
                    found == null ? DocIdSetIterator.empty() : found
                );
            }

            @Override
            public long cost() {
                return segment.reader().maxDoc();
            }
        };
    }
}

package org.threatsieve.opensearch.query;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.lucene.document.InetAddressPoint;
import org.apache.lucene.index.DocValues;
import org.apache.lucene.index.LeafReader;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.PostingsEnum;
import org.apache.lucene.index.SortedSetDocValues;
import org.apache.lucene.index.Terms;
import org.apache.lucene.index.TermsEnum;
import org.apache.lucene.search.DocIdSetIterator;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreMode;
import org.apache.lucene.search.Scorer;
import org.apache.lucene.util.BytesRef;
import org.apache.lucene.util.DocIdSetBuilder;
import org.apache.lucene.util.RoaringDocIdSet;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.index.mapper.IdFieldMapper;
import org.threatsieve.core.matcher.Conditions;
import org.threatsieve.core.matcher.Lookup;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.NativeException;
import org.threatsieve.core.matcher.Served;
import org.threatsieve.core.matcher.TermBatch;
import org.threatsieve.core.matcher.TermHits;
import org.threatsieve.core.query.AddressText;

/**
 * Finds the matching documents of a segment: looks every term of its dictionaries up, and collects
 * the documents of the terms that hit.
 *
 * <p>The engine notices between batches that the search is cancelled or out of time.
 */
final class SegmentWalk {
    /** Documents between two checks of whether the search is cancelled. */
    private static final int DOCUMENTS_TOGETHER = 8 * 1024;

    /**
     * The most addresses that are searched for one by one. For more, one pass over the doc values
     * of all documents is cheaper.
     */
    private static final int MAX_ADDRESS_SEARCHES = 1024;

    /** The most terms that are stepped over to get to the next hit. A search for it costs more. */
    private static final int MAX_STEPS = 16;

    /** In place of the number of conditions: the term counts for every event of the segment. */
    static final int ALWAYS = -1;
    /** In place of the number of conditions: the term does not hit. */
    static final int NO_HIT = -2;

    private final LeafReaderContext segment;
    private final LeafReader reader;
    private final IndexSearcher searcher;
    private final Matcher matcher;
    private final Lookup lookup;
    private final Served served;
    private final EventJudge judge;
    private final DocIdSetBuilder documents;
    private final ConditionalDocuments conditional;
    private final TermBatch batch = new TermBatch();
    /** The time that the search has walked so far, in all segments of its shard. */
    private final AtomicLong walkedNanos;
    private final long maxNanos;
    private long lastNanos = System.nanoTime();

    SegmentWalk(
        LeafReaderContext segment,
        IndexSearcher searcher,
        Matcher matcher,
        Lookup lookup,
        Served served,
        EventJudge judge,
        AtomicLong walkedNanos,
        long maxNanos
    ) {
        this.segment = segment;
        this.reader = segment.reader();
        this.searcher = searcher;
        this.matcher = matcher;
        this.lookup = lookup;
        this.served = served;
        this.judge = judge;
        this.documents = new DocIdSetBuilder(reader.maxDoc());
        this.conditional = new ConditionalDocuments(judge, documents);
        this.walkedNanos = walkedNanos;
        this.maxNanos = maxNanos;
    }

    /**
     * Returns the matching documents.
     *
     * @throws NativeException of kind {@code switched} if another blacklist answers meanwhile
     */
    SegmentMatches run(List<TermField> fields) throws IOException {
        for (TermField field : fields) {
            if (field.encoding() == TermField.Encoding.TEXT && field.indexed()) {
                walkTerms(field);
            } else {
                walkDocValues(field);
            }
        }
        conditional.judge();
        DocIdSetIterator found = documents.build().iterator();
        RoaringDocIdSet.Builder compact = new RoaringDocIdSet.Builder(reader.maxDoc());
        if (found != null) {
            compact.add(found);
        }
        return new SegmentMatches(compact.build(), judge.sameFrom(), judge.sameUntil());
    }

    /** Receives a term that hits. */
    interface Hits {
        /**
         * @param ordinal the term's place in its dictionary
         * @param conditions the number of its conditions, or {@link #ALWAYS}
         */
        void hit(byte[] term, long ordinal, int conditions) throws IOException;
    }

    /** The terms of a dictionary, one after the other. */
    private interface Dictionary {
        /** Returns the next term, or {@code null} after the last one. */
        BytesRef next() throws IOException;
    }

    private void walkTerms(TermField field) throws IOException {
        Terms terms = reader.terms(field.name());
        // Another plugin's reader may hide the terms and leave doc values: those are not read.
        if (terms != null) {
            walk(field, terms.iterator()::next, new Postings(terms.iterator()));
        }
    }

    /** Looks up all terms of a dictionary. */
    private void walk(TermField field, Dictionary terms, Hits hits) throws IOException {
        AddressText address = new AddressText();
        boolean isAddress = field.encoding() == TermField.Encoding.ADDRESS;
        int kind = field.kind().ordinal();
        long first = 0;
        for (BytesRef term = terms.next(); term != null; term = terms.next()) {
            boolean added;
            do {
                if (isAddress && term.length == AddressText.BYTES) {
                    address.set(term.bytes, term.offset);
                    added = batch.add(kind, address.bytes(), 0, address.length());
                } else if (isAddress) {
                    // Masked by another plugin's reader. It keeps its place.
                    added = batch.add(kind, term.bytes, term.offset, 0);
                } else {
                    added = batch.add(kind, term.bytes, term.offset, term.length);
                }
                if (added == false) {
                    first = lookUp(first, hits);
                }
            } while (added == false);
        }
        lookUp(first, hits);
    }

    /** Looks up the batch and empties it. Returns the place of the next term. */
    private long lookUp(long first, Hits hits) throws IOException {
        if (batch.count() == 0) {
            return first;
        }
        checkTime();
        TermHits found = matcher.checkTerms(lookup, batch);
        if (found.served().equals(served) == false) {
            String message = "another blacklist answers than before";
            throw new NativeException(NativeException.SWITCHED, message);
        }
        while (found.next()) {
            Conditions given = found.conditions();
            if (judge.none(given) == false) {
                int number = judge.all(given) ? ALWAYS : conditional.number(given);
                hits.hit(batch.term(found.term()), first + found.term(), number);
            }
        }
        long next = first + batch.count();
        batch.clear();
        return next;
    }

    /**
     * Ends a search that is cancelled or out of time. The engine checks that when an iterator of
     * terms is made.
     */
    static void checkCancelled(LeafReader reader) throws IOException {
        Terms anyTerms = reader.terms(IdFieldMapper.NAME);
        if (anyTerms != null) {
            anyTerms.iterator();
        }
    }

    /** Ends a search that is cancelled, out of time, or over this plugin's own limit. */
    private void checkTime() throws IOException {
        checkCancelled(reader);
        long now = System.nanoTime();
        long walked = walkedNanos.addAndGet(now - lastNanos);
        lastNanos = now;
        if (walked > maxNanos) {
            String reason = "[threat_match] looking up the terms of this shard took longer than"
                + " [threatsieve.query.max_time], "
                + TimeValue.timeValueNanos(maxNanos)
                + ": search fewer fields or indices at a time, search again (what is found so far"
                + " is kept), or raise the setting in opensearch.yml";
            throw new OpenSearchStatusException(reason, RestStatus.SERVICE_UNAVAILABLE);
        }
    }

    private void add(DocIdSetIterator found, int conditions) throws IOException {
        if (conditions == ALWAYS) {
            documents.add(found);
            return;
        }
        for (int document = found.nextDoc(); document != DocIdSetIterator.NO_MORE_DOCS; document =
            found.nextDoc()) {
            conditional.add(document, conditions);
        }
    }

    /** Collects the documents of terms from the inverted index. */
    private final class Postings implements Hits {
        private final TermsEnum terms;
        /** The place of the term that {@link #terms} is at. */
        private long at = -1;
        private PostingsEnum postings;

        Postings(TermsEnum terms) {
            this.terms = terms;
        }

        @Override
        public void hit(byte[] term, long ordinal, int conditions) throws IOException {
            if (ordinal - at <= MAX_STEPS) {
                for (; at < ordinal; at++) {
                    terms.next();
                }
            } else if (terms.seekExact(new BytesRef(term)) == false) {
                throw new IllegalStateException("a term is gone from its dictionary");
            }
            at = ordinal;
            postings = terms.postings(postings, PostingsEnum.NONE);
            add(postings, conditions);
        }
    }

    // Doc values.

    private void walkDocValues(TermField field) throws IOException {
        SortedSetDocValues values = DocValues.getSortedSet(reader, field.name());
        Ordinals ordinals = new Ordinals();
        walk(field, inOrder(values), ordinals);
        if (ordinals.count == 0) {
            return;
        }
        boolean addressesAreIndexed = field.encoding() == TermField.Encoding.ADDRESS
            && field.indexed();
        if (addressesAreIndexed && ordinals.count <= MAX_ADDRESS_SEARCHES) {
            searchAddresses(field, values, ordinals);
        } else {
            passOverDocuments(field, ordinals);
        }
    }

    /**
     * The terms of doc values. Another plugin's reader masks them where they are looked up, and not
     * in their {@code TermsEnum}.
     */
    private static Dictionary inOrder(SortedSetDocValues values) {
        return new Dictionary() {
            private long ordinal;

            @Override
            public BytesRef next() throws IOException {
                return ordinal < values.getValueCount() ? values.lookupOrd(ordinal++) : null;
            }
        };
    }

    private void searchAddresses(TermField field, SortedSetDocValues values, Ordinals ordinals)
        throws IOException {
        for (int i = 0; i < ordinals.count; i++) {
            BytesRef stored = values.lookupOrd(ordinals.ordinals[i]);
            byte[] address = BytesRef.deepCopyOf(stored).bytes;
            Query exact = InetAddressPoint.newExactQuery(
                field.name(),
                InetAddressPoint.decode(address)
            );
            Scorer scorer = searcher.rewrite(exact)
                .createWeight(searcher, ScoreMode.COMPLETE_NO_SCORES, 1)
                .scorer(segment);
            if (scorer != null) {
                add(scorer.iterator(), ordinals.conditions[i]);
            }
        }
    }

    private void passOverDocuments(TermField field, Ordinals ordinals) throws IOException {
        SortedSetDocValues values = DocValues.getSortedSet(reader, field.name());
        int seen = 0;
        for (int document = values.nextDoc(); document != DocIdSetIterator.NO_MORE_DOCS; document =
            values.nextDoc()) {
            if (++seen % DOCUMENTS_TOGETHER == 0) {
                checkTime();
            }
            for (int i = values.docValueCount(); i > 0; i--) {
                int conditions = ordinals.of(values.nextOrd());
                if (conditions == ALWAYS) {
                    documents.grow(1).add(document);
                    break;
                } else if (conditions != NO_HIT) {
                    conditional.add(document, conditions);
                }
            }
        }
    }
}

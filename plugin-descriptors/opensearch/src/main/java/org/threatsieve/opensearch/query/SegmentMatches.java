package org.threatsieve.opensearch.query;

import org.apache.lucene.search.DocIdSet;

/**
 * The documents of a segment that match, deleted ones included.
 *
 * @param from the first present, in microseconds since 1970, at which these are the documents
 * @param until the present from which on they may be others
 */
record SegmentMatches(DocIdSet documents, long from, long until) {
    boolean holdAt(long now) {
        return from <= now && now < until;
    }

    long bytes() {
        return documents.ramBytesUsed();
    }
}

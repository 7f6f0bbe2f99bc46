package org.threatsieve.opensearch.engine;

import org.opensearch.ingest.IngestDocumentWrapper;

/** Results for the documents of a batch. */
public final class BatchResult {
    private BatchResult() {}

    /**
     * The result for a document that failed. It is a new wrapper: with {@code ignore_failure}, the
     * engine continues with the wrapper that it passed, and would fail if that held an exception.
     */
    public static IngestDocumentWrapper failed(IngestDocumentWrapper document, Exception failure) {
        return new IngestDocumentWrapper(
            document.getSlot(),
            document.getIngestDocument(),
            failure
        );
    }
}

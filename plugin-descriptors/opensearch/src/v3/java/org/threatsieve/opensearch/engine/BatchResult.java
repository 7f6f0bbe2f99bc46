package org.threatsieve.opensearch.engine;

import org.opensearch.ingest.IngestDocumentWrapper;

/** Answers for the documents of a batch. */
public final class BatchResult {
    private BatchResult() {}

    /**
     * The answer for a document that failed. It is a new one, since the server goes on with the wrapper it gave where failures are ignored, and
     * one that holds an exception would fail in the end all the same.
     */
    public static IngestDocumentWrapper failed(IngestDocumentWrapper document, Exception failure) {
        return new IngestDocumentWrapper(document.getSlot(), document.getChildSlot(), document.getIngestDocument(), failure);
    }
}

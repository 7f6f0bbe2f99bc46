package org.threatsieve.opensearch.blacklists.index;

import java.io.IOException;
import java.util.List;
import java.util.Map;

import org.opensearch.action.DocWriteRequest;
import org.opensearch.action.admin.indices.refresh.RefreshAction;
import org.opensearch.action.admin.indices.refresh.RefreshRequest;
import org.opensearch.action.bulk.BulkAction;
import org.opensearch.action.bulk.BulkItemResponse;
import org.opensearch.action.bulk.BulkRequest;
import org.opensearch.action.bulk.BulkResponse;
import org.opensearch.action.delete.DeleteRequest;
import org.opensearch.action.get.GetAction;
import org.opensearch.action.get.GetRequest;
import org.opensearch.action.get.GetResponse;
import org.opensearch.action.index.IndexAction;
import org.opensearch.action.index.IndexRequest;
import org.opensearch.action.index.IndexResponse;
import org.opensearch.common.xcontent.XContentFactory;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.index.engine.VersionConflictEngineException;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.DocumentVersion;
import org.threatsieve.core.blacklists.store.Document;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.core.blacklists.store.Selection;
import org.threatsieve.core.blacklists.store.StoredContent;

/** The documents of {@link BlacklistIndex}. */
public final class IndexDocuments implements Documents {
    private final BlacklistIndex index;
    private final IndexSearch search;

    public IndexDocuments(BlacklistIndex index) {
        this.index = index;
        this.search = new IndexSearch(index);
    }

    @Override
    public boolean exist() {
        return index.exists();
    }

    /** Finds what was written a moment ago, too. */
    @Override
    public Document get(String identifier) {
        if (index.exists() == false) {
            return null;
        }
        GetRequest request = new GetRequest(INDEX, identifier);
        GetResponse found = index.execute(GetAction.INSTANCE, request);
        if (found.isExists() == false) {
            return null;
        }
        DocumentVersion version = new DocumentVersion(found.getSeqNo(), found.getPrimaryTerm());
        return new Document(found.getSourceAsMap(), version);
    }

    @Override
    public DocumentVersion put(
        String identifier,
        Map<String, Object> source,
        @Nullable DocumentVersion expected
    ) throws IOException {
        IndexRequest request = new IndexRequest(INDEX).id(identifier);
        if (expected == null) {
            request.opType(DocWriteRequest.OpType.CREATE);
        } else {
            request.setIfSeqNo(expected.sequenceNumber()).setIfPrimaryTerm(expected.primaryTerm());
        }
        try (XContentBuilder json = XContentFactory.jsonBuilder().map(source)) {
            index.create();
            IndexResponse stored = index.execute(IndexAction.INSTANCE, request.source(json));
            return new DocumentVersion(stored.getSeqNo(), stored.getPrimaryTerm());
        } catch (VersionConflictEngineException e) {
            return null;
        }
    }

    @Override
    public void putAll(Map<String, Map<String, Object>> sources) throws IOException {
        index.create();
        BulkRequest request = new BulkRequest();
        for (Map.Entry<String, Map<String, Object>> each : sources.entrySet()) {
            // CBOR, because JSON would hold the bytes as a text that is a third longer.
            try (XContentBuilder cbor = XContentFactory.cborBuilder().map(each.getValue())) {
                request.add(new IndexRequest(INDEX).id(each.getKey()).source(cbor));
            }
        }
        bulk(request);
    }

    @Override
    public void delete(String identifier, DocumentVersion expected) {
        DeleteRequest request = new DeleteRequest(INDEX, identifier);
        request.setIfSeqNo(expected.sequenceNumber()).setIfPrimaryTerm(expected.primaryTerm());
        bulk(new BulkRequest().add(request));
    }

    @Override
    public void delete(List<String> identifiers) {
        BulkRequest request = new BulkRequest();
        for (String identifier : identifiers) {
            request.add(new DeleteRequest(INDEX, identifier));
        }
        if (request.numberOfActions() > 0) {
            bulk(request);
        }
    }

    private void bulk(BulkRequest request) {
        BulkResponse answer = index.execute(BulkAction.INSTANCE, request);
        for (BulkItemResponse item : answer) {
            // The cause itself, as a single request would throw it: it decides the refusal's kind.
            if (item.isFailed() && item.getFailure().getCause() instanceof RuntimeException cause) {
                throw cause;
            }
        }
        if (answer.hasFailures()) {
            throw new IllegalStateException(answer.buildFailureMessage());
        }
    }

    @Override
    public void refresh() {
        index.execute(RefreshAction.INSTANCE, new RefreshRequest(INDEX));
    }

    @Override
    public List<Map<String, Object>> sources(Selection selection) {
        return search.sources(selection);
    }

    @Override
    public List<String> identifiers(Selection selection) {
        return search.identifiers(selection);
    }

    @Override
    public List<StoredContent> contents(Selection selection) {
        return search.contents(selection);
    }
}

package org.threatsieve.opensearch.blacklists;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.opensearch.action.DocWriteRequest;
import org.opensearch.action.bulk.BulkAction;
import org.opensearch.action.bulk.BulkRequest;
import org.opensearch.action.bulk.BulkResponse;
import org.opensearch.action.delete.DeleteRequest;
import org.opensearch.action.get.GetAction;
import org.opensearch.action.get.GetRequest;
import org.opensearch.action.get.GetResponse;
import org.opensearch.action.index.IndexAction;
import org.opensearch.action.index.IndexRequest;
import org.opensearch.action.search.SearchAction;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.common.xcontent.XContentFactory;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.index.engine.VersionConflictEngineException;
import org.opensearch.index.query.BoolQueryBuilder;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.search.SearchHit;
import org.opensearch.search.builder.SearchSourceBuilder;

/** Histories and the parts of contents, in {@link BlacklistIndex}. */
final class Store {
    /** Bytes of a part, but the last one of a content: well below what a request may have, and a small share of any heap. */
    static final int PART_BYTES = 4 << 20;

    /** Parts that nothing names are removed after it: those of uploads that were given up, or of nodes that ended in between. */
    static final TimeValue ORPHANED_AFTER = TimeValue.timeValueHours(2);

    private static final int ORPHANS_AT_A_TIME = 1000;
    private static final int MOST_BLACKLISTS = 1000;

    private final BlacklistIndex index;

    Store(BlacklistIndex index) {
        this.index = index;
    }

    // Histories.

    History history(String name) {
        GetResponse found = index.exists() ? get(historyIdentifier(name)) : null;
        if (found == null || found.isExists() == false) {
            return History.none(name);
        }
        return new History(name, manifests(found.getSourceAsMap()), found.getSeqNo(), found.getPrimaryTerm());
    }

    @SuppressWarnings("unchecked")
    private static List<Manifest> manifests(Map<String, Object> source) {
        return ((List<Map<String, Object>>) source.get("manifests")).stream().map(Manifest::ofStored).toList();
    }

    /** Replaces the document that was read. Tells whether it was still that one. */
    boolean write(History history) throws IOException {
        IndexRequest request = new IndexRequest(BlacklistIndex.NAME).id(historyIdentifier(history.name()));
        if (history.isStored()) {
            request.setIfSeqNo(history.sequenceNumber()).setIfPrimaryTerm(history.primaryTerm());
        } else {
            request.opType(DocWriteRequest.OpType.CREATE);
        }
        try (XContentBuilder json = XContentFactory.jsonBuilder()) {
            json.startObject().field("kind", "blacklist").field("name", history.name());
            json.field("manifests", history.manifests().stream().map(Manifest::stored).toList()).endObject();
            index.create();
            index.execute(IndexAction.INSTANCE, request.source(json));
            return true;
        } catch (VersionConflictEngineException e) {
            return false;
        }
    }

    private static String historyIdentifier(String name) {
        return "blacklist/" + name;
    }

    // Contents.

    static int parts(long bytes) {
        return Math.toIntExact((bytes + PART_BYTES - 1) / PART_BYTES);
    }

    /** Stores a whole file. */
    void storeContent(String name, String content, Path file) throws IOException {
        long left = Files.size(file);
        try (InputStream in = Files.newInputStream(file)) {
            for (int part = 0; left > 0; part++) {
                byte[] data = in.readNBytes((int) Math.min(PART_BYTES, left));
                if (data.length == 0) {
                    throw new EOFException(file + " became shorter while it was read");
                }
                storePart(name, content, part, data);
                left -= data.length;
            }
        }
    }

    /** CBOR, since JSON would have the bytes as a text a third longer. */
    void storePart(String name, String content, int part, byte[] data) throws IOException {
        try (XContentBuilder cbor = XContentFactory.cborBuilder()) {
            cbor.startObject().field("kind", "part").field("name", name).field("content", content).field("part", part);
            cbor.field("stored_at", Instant.now().toEpochMilli()).field("data", data).endObject();
            index.create();
            index.execute(IndexAction.INSTANCE, new IndexRequest(BlacklistIndex.NAME).id(partIdentifier(content, part)).source(cbor));
        }
    }

    /**
     * Writes a content to a new file.
     *
     * @throws MissingPart when a part is not there
     */
    void fetchContent(String content, int parts, Path file) throws IOException, MissingPart {
        try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (int part = 0; part < parts; part++) {
                GetResponse found = index.exists() ? get(partIdentifier(content, part)) : null;
                if (found == null || found.isExists() == false) {
                    throw new MissingPart(part);
                }
                out.write((byte[]) found.getSourceAsMap().get("data"));
            }
        }
    }

    /** A part that is not in the index. */
    static final class MissingPart extends Exception {
        private static final long serialVersionUID = 1L;

        final int part;

        MissingPart(int part) {
            super("part " + part + " is not in [" + BlacklistIndex.NAME + "]");
            this.part = part;
        }
    }

    /** Removes parts, and what was declared of them. What is not there is passed over. */
    void removeContent(String content, int parts) {
        BulkRequest request = new BulkRequest();
        request.add(new DeleteRequest(BlacklistIndex.NAME, Upload.identifier(content)));
        for (int part = 0; part < parts; part++) {
            request.add(new DeleteRequest(BlacklistIndex.NAME, partIdentifier(content, part)));
        }
        remove(request);
    }

    /** Removes old documents of contents that no history names. */
    void removeOrphans() {
        if (index.exists() == false) {
            return;
        }
        SearchSourceBuilder histories = new SearchSourceBuilder().query(QueryBuilders.termQuery("kind", "blacklist")).size(MOST_BLACKLISTS);
        Set<String> contents = new HashSet<>();
        for (SearchHit hit : search(histories)) {
            manifests(hit.getSourceAsMap()).stream().filter(Manifest::kept).forEach(manifest -> contents.add(manifest.content()));
        }
        BoolQueryBuilder old = QueryBuilders.boolQuery()
            .filter(QueryBuilders.termsQuery("kind", "part", "upload"))
            .filter(QueryBuilders.rangeQuery("stored_at").lt(Instant.now().toEpochMilli() - ORPHANED_AFTER.millis()))
            .mustNot(QueryBuilders.termsQuery("content", contents));
        BulkRequest request = new BulkRequest();
        for (SearchHit hit : search(new SearchSourceBuilder().query(old).size(ORPHANS_AT_A_TIME).fetchSource(false))) {
            request.add(new DeleteRequest(BlacklistIndex.NAME, hit.getId()));
        }
        if (request.numberOfActions() > 0) {
            remove(request);
        }
    }

    private void remove(BulkRequest request) {
        BulkResponse answer = index.execute(BulkAction.INSTANCE, request);
        if (answer.hasFailures()) {
            throw new IllegalStateException(answer.buildFailureMessage());
        }
    }

    private SearchHit[] search(SearchSourceBuilder source) {
        return index.execute(SearchAction.INSTANCE, new SearchRequest(BlacklistIndex.NAME).source(source)).getHits().getHits();
    }

    private static String partIdentifier(String content, int part) {
        return content + "/" + part;
    }

    // Uploads.

    void write(Upload upload) throws IOException {
        try (XContentBuilder json = XContentFactory.jsonBuilder()) {
            json.startObject().field("kind", "upload").field("name", upload.name()).field("content", upload.content());
            json.field("bytes", upload.bytes()).field("digest", upload.digest());
            json.field("stored_at", upload.begun().at().toEpochMilli()).field("stored_by", upload.begun().by()).endObject();
            index.create();
            index.execute(IndexAction.INSTANCE, new IndexRequest(BlacklistIndex.NAME).id(Upload.identifier(upload.content())).source(json));
        }
    }

    /** Forgets what was declared; the parts stay. */
    void remove(Upload upload) {
        remove(new BulkRequest().add(new DeleteRequest(BlacklistIndex.NAME, Upload.identifier(upload.content()))));
    }

    /** What was declared, or {@code null} when there is no such upload. */
    Upload upload(String content) {
        GetResponse found = index.exists() ? get(Upload.identifier(content)) : null;
        if (found == null || found.isExists() == false) {
            return null;
        }
        Map<String, Object> source = found.getSourceAsMap();
        Instant at = Instant.ofEpochMilli(Json.number(source, "stored_at"));
        return new Upload(
            (String) source.get("name"),
            content,
            Json.number(source, "bytes"),
            (String) source.get("digest"),
            new Manifest.Stamp(at, (String) source.get("stored_by"))
        );
    }

    /** Also what was written a moment ago. */
    private GetResponse get(String identifier) {
        return index.execute(GetAction.INSTANCE, new GetRequest(BlacklistIndex.NAME, identifier));
    }
}

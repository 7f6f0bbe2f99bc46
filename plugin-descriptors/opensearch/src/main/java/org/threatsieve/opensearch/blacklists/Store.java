package org.threatsieve.opensearch.blacklists;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
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
import org.opensearch.action.index.IndexResponse;
import org.opensearch.common.Nullable;
import org.opensearch.common.xcontent.XContentFactory;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.index.engine.VersionConflictEngineException;

/** Histories and the parts of contents, in {@link BlacklistIndex}. */
final class Store {
    /**
     * Bytes of a stored part, but the last one of a content. Below half a region of the collector for a heap
     * of 512 MB, so that the server's copies of it are collected with everything else that is short-lived.
     */
    static final int PART_BYTES = 256 << 10;

    /** Parts that are written in one request. */
    private static final int PARTS_TOGETHER = 4;

    private static final Logger logger = LogManager.getLogger(Store.class);

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

    /** Replaces the document that was read. Returns what is stored now, or {@code null} when it was another one. */
    @Nullable
    History write(History history) throws IOException {
        IndexRequest request = new IndexRequest(BlacklistIndex.NAME).id(historyIdentifier(history.name()));
        if (history.isStored()) {
            request.setIfSeqNo(history.sequenceNumber()).setIfPrimaryTerm(history.primaryTerm());
        } else {
            request.opType(DocWriteRequest.OpType.CREATE);
        }
        try (XContentBuilder json = XContentFactory.jsonBuilder()) {
            json.startObject().field("kind", "blacklist").field("name", history.name());
            json.field("stored_at", Instant.now().toEpochMilli());
            json.field("manifests", history.manifests().stream().map(Manifest::stored).toList()).endObject();
            index.create();
            IndexResponse stored = index.execute(IndexAction.INSTANCE, request.source(json));
            return new History(history.name(), history.manifests(), stored.getSeqNo(), stored.getPrimaryTerm());
        } catch (VersionConflictEngineException e) {
            return null;
        }
    }

    /** Removes a history, if it is still the one that was read. */
    void remove(History history) {
        DeleteRequest request = new DeleteRequest(BlacklistIndex.NAME, historyIdentifier(history.name()));
        remove(new BulkRequest().add(request.setIfSeqNo(history.sequenceNumber()).setIfPrimaryTerm(history.primaryTerm())));
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
        int together = PARTS_TOGETHER * PART_BYTES;
        long left = Files.size(file);
        try (InputStream in = Files.newInputStream(file)) {
            for (int part = 0; left > 0; part += PARTS_TOGETHER) {
                byte[] data = in.readNBytes((int) Math.min(together, left));
                if (data.length == 0) {
                    throw new EOFException(file + " became shorter while it was read");
                }
                storeParts(name, content, part, data);
                left -= data.length;
            }
        }
    }

    /** Stores some bytes of a content, from the part with that number on. */
    void storeParts(String name, String content, int first, byte[] data) throws IOException {
        index.create();
        BulkRequest request = new BulkRequest();
        for (int from = 0, part = first; from < data.length; from += PART_BYTES, part++) {
            byte[] bytes = Arrays.copyOfRange(data, from, Math.min(data.length, from + PART_BYTES));
            // CBOR, since JSON would have the bytes as a text a third longer.
            try (XContentBuilder cbor = XContentFactory.cborBuilder()) {
                cbor.startObject().field("kind", "part").field("name", name).field("content", content).field("part", part);
                cbor.field("stored_at", Instant.now().toEpochMilli()).field("data", bytes).endObject();
                request.add(new IndexRequest(BlacklistIndex.NAME).id(partIdentifier(content, part)).source(cbor));
            }
            if (request.numberOfActions() == PARTS_TOGETHER) {
                bulk(request);
                request = new BulkRequest();
            }
        }
        if (request.numberOfActions() > 0) {
            bulk(request);
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
                out.write(part(content, part));
            }
        }
    }

    /** Whether a content has exactly the bytes of this file. */
    boolean matches(Manifest manifest, Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            for (int part = 0; part < manifest.parts(); part++) {
                byte[] data = part(manifest.content(), part);
                if (Arrays.equals(data, in.readNBytes(data.length)) == false) {
                    return false;
                }
            }
            return in.read() < 0;
        } catch (MissingPart e) {
            return false;
        }
    }

    private byte[] part(String content, int part) throws MissingPart {
        GetResponse found = index.exists() ? get(partIdentifier(content, part)) : null;
        Object data = found == null || found.isExists() == false ? null : found.getSourceAsMap().get("data");
        if (data instanceof byte[] bytes) {
            return bytes;
        }
        // As JSON, which a document becomes that somebody copies or restores by hand.
        if (data instanceof String text) {
            try {
                return Base64.getDecoder().decode(text);
            } catch (IllegalArgumentException e) {
                logger.warn("part {} of the content [{}] is neither bytes nor base64", part, content);
            }
        }
        throw new MissingPart(part);
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

    /** Removes parts. What is not there is passed over. */
    void removeContent(String content, int parts) {
        BulkRequest request = new BulkRequest();
        for (int part = 0; part < parts; part++) {
            request.add(new DeleteRequest(BlacklistIndex.NAME, partIdentifier(content, part)));
        }
        remove(request);
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

    /** Removes what was declared, first, so that nobody adds to its parts, and then those. */
    void remove(Upload upload) {
        remove(new BulkRequest().add(new DeleteRequest(BlacklistIndex.NAME, Upload.identifier(upload.content()))));
        removeContent(upload.content(), parts(upload.bytes()));
    }

    /** The upload that was declared, or {@code null} when there is none. */
    @Nullable
    Upload upload(String content) {
        GetResponse found = index.exists() ? get(Upload.identifier(content)) : null;
        return found == null || found.isExists() == false ? null : Upload.ofStored(found.getSourceAsMap());
    }

    // What all of them need.

    void remove(BulkRequest request) {
        if (request.numberOfActions() > 0) {
            bulk(request);
        }
    }

    private void bulk(BulkRequest request) {
        BulkResponse answer = index.execute(BulkAction.INSTANCE, request);
        for (var item : answer) {
            // The cause as it is: it says what to do, as that of a single request would.
            if (item.isFailed() && item.getFailure().getCause() instanceof RuntimeException cause) {
                throw cause;
            }
        }
        if (answer.hasFailures()) {
            throw new IllegalStateException(answer.buildFailureMessage());
        }
    }

    /** Also what was written a moment ago. */
    private GetResponse get(String identifier) {
        return index.execute(GetAction.INSTANCE, new GetRequest(BlacklistIndex.NAME, identifier));
    }
}

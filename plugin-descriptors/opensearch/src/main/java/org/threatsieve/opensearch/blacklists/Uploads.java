package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

import org.opensearch.common.UUIDs;
import org.opensearch.core.common.bytes.BytesReference;
import org.threatsieve.opensearch.blacklists.Manifest.Stamp;

/** Files on their way in parts: at most a few at a time, so that what is given up cannot fill the disks. */
final class Uploads {
    /** Uploads that may be open at a time in the cluster. Together they may have as many bytes as a node may load. */
    static final int MAX_OPEN = 20;

    /** Of one blacklist and user. The oldest one gives way: a client that is started again does not go on with it. */
    private static final int MAX_OPEN_ALIKE = 2;

    private final BlacklistIndex index;
    private final Store store;
    private final Search search;

    Uploads(BlacklistIndex index, Store store, Search search) {
        this.index = index;
        this.store = store;
        this.search = search;
    }

    /** @param limitBytes of memory that blacklists may take on a node */
    Map<String, Object> begin(UploadRequest request, String user, long limitBytes) throws IOException {
        if (request.bytes <= 0) {
            throw ThreatsieveRefused.input("limit", "[bytes] is " + request.bytes + ", expected the file's size");
        }
        if (Pointer.isDigest(request.digest) == false) {
            throw ThreatsieveRefused.input("digest", "[digest] is [" + request.digest + "], expected the blacklist's digest, 64 of 0-9 and a-f");
        }
        // Loading takes more than the file, so what is larger than the limit need not be sent.
        if (request.bytes > limitBytes) {
            throw Admission.budget(request.bytes, request.bytes, limitBytes);
        }
        Upload upload = new Upload(request.name, UUIDs.base64UUID(), request.bytes, request.digest, new Stamp(Publisher.now(), user));
        store.write(upload);
        try {
            // After it is written, so that of several at a time none is overlooked.
            makeRoom(upload, limitBytes);
        } catch (RuntimeException e) {
            store.remove(upload);
            throw e;
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("upload", upload.content());
        json.put("part_bytes", Upload.PART_BYTES);
        json.put("parts", upload.parts());
        json.put("expires_at", upload.expiresAt().toString());
        return json;
    }

    private void makeRoom(Upload upload, long limitBytes) {
        Instant now = Publisher.now();
        search.refresh();
        List<Upload> others = new ArrayList<>();
        for (Map<String, Object> source : search.sources(Search.ofKind("upload"))) {
            Upload other = Upload.ofStored(source);
            if (other.isOver(now)) {
                store.remove(other);
            } else if (other.content().equals(upload.content()) == false) {
                others.add(other);
            }
        }
        List<Upload> alike = new ArrayList<>(
            others.stream().filter(other -> other.name().equals(upload.name()) && other.begun().by().equals(upload.begun().by())).toList()
        );
        alike.sort(Comparator.comparing(other -> other.begun().at()));
        while (alike.size() >= MAX_OPEN_ALIKE) {
            Upload oldest = alike.remove(0);
            store.remove(oldest);
            others.remove(oldest);
        }
        long bytes = others.stream().mapToLong(Upload::bytes).sum();
        if (others.size() >= MAX_OPEN || bytes + upload.bytes() > limitBytes) {
            throw tooMany(upload, others, bytes, limitBytes);
        }
    }

    private static ThreatsieveRefused tooMany(Upload upload, List<Upload> others, long bytes, long limitBytes) {
        String open = others.stream().map(other -> other.name() + " by " + other.begun().by()).distinct().limit(MAX_OPEN).collect(Collectors.joining(", "));
        return ThreatsieveRefused.busy(
            "limit",
            String.format(
                Locale.ROOT,
                "%d uploads with %,d bytes are open (%s), and this one has %,d bytes: at most %d with %,d bytes together may be open;"
                    + " commit them, give them up with DELETE, or wait until they are over, after %s",
                others.size(),
                bytes,
                open,
                upload.bytes(),
                MAX_OPEN,
                limitBytes,
                Upload.LIFE
            )
        );
    }

    Map<String, Object> part(UploadRequest request) throws IOException {
        Upload upload = find(request.name, request.upload);
        if (request.part < 0 || request.part >= upload.parts()) {
            throw ThreatsieveRefused.input("limit", "part " + request.part + " of an upload with parts 0 to " + (upload.parts() - 1));
        }
        int expected = upload.partBytes(request.part);
        if (request.content.length() != expected) {
            throw ThreatsieveRefused.input("limit", "part " + request.part + " has " + request.content.length() + " bytes, expected " + expected);
        }
        store.storeParts(upload.name(), upload.content(), Upload.firstStored(request.part), BytesReference.toBytes(request.content));
        return Map.of("acknowledged", true);
    }

    Map<String, Object> abort(UploadRequest request) {
        store.remove(find(request.name, request.upload));
        return Map.of("acknowledged", true);
    }

    /** The open upload with that identifier. */
    Upload find(String name, String content) {
        Upload upload = index.exists() ? store.upload(content) : null;
        if (upload == null || upload.name().equals(name) == false || upload.isOver(Publisher.now())) {
            throw ThreatsieveRefused.missing(
                "upload",
                "there is no upload [" + content + "] of the blacklist [" + name + "]: it is committed, given up, replaced, or older than " + Upload.LIFE
                    + "; begin a new one"
            );
        }
        return upload;
    }
}

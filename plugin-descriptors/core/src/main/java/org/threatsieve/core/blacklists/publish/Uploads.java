package org.threatsieve.core.blacklists.publish;

import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

import org.threatsieve.core.blacklists.Attribution;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.Upload;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.core.blacklists.store.Selection;
import org.threatsieve.core.blacklists.store.Store;

/**
 * Receives files in parts. Few uploads may be open at a time, so that abandoned ones cannot fill
 * the disks.
 */
final class Uploads {
    /** Uploads that may be open in the cluster. Together they may not exceed the memory limit. */
    static final int MAX_OPEN = 20;

    /**
     * Uploads of one blacklist that one user may have open. If one more begins, the oldest ends: a
     * client that was restarted does not continue it.
     */
    private static final int MAX_OPEN_ALIKE = 2;

    private final Documents documents;
    private final Store store;

    Uploads(Documents documents, Store store) {
        this.documents = documents;
        this.store = store;
    }

    /**
     * Begins an upload.
     *
     * @param bytes the file's size
     * @param digest the blacklist's digest
     * @param limitBytes memory that blacklists may take on a node
     * @return the API's answer
     */
    Map<String, Object> begin(String name, long bytes, String digest, String user, long limitBytes)
        throws IOException {
        if (bytes <= 0) {
            String reason = "[bytes] is " + bytes + ", expected the file's size";
            throw Refused.input("limit", reason);
        }
        if (Pointer.isDigest(digest) == false) {
            String reason = "[digest] is ["
                + digest
                + "], expected the blacklist's digest, 64 of 0-9 and a-f";
            throw Refused.input("digest", reason);
        }
        // Loading takes more memory than the file has bytes.
        if (bytes > limitBytes) {
            throw Admission.budget(bytes, bytes, limitBytes);
        }
        Attribution begun = new Attribution(store.now(), user);
        Upload upload = new Upload(name, store.newContentName(), bytes, digest, begun);
        store.write(upload);
        try {
            // After it is written, so that uploads that begin at the same time see each other.
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
        List<Upload> others = removeOver(upload);
        List<Upload> alike = new ArrayList<>(
            others.stream()
                .filter(other -> other.name().equals(upload.name()))
                .filter(other -> other.begun().by().equals(upload.begun().by()))
                .sorted(Comparator.comparing(other -> other.begun().at()))
                .toList()
        );
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

    /** Removes uploads that are over. Returns the other open ones. */
    private List<Upload> removeOver(Upload upload) {
        Instant now = store.now();
        documents.refresh();
        List<Upload> others = new ArrayList<>();
        for (Map<String, Object> source : documents.sources(Selection.ofKinds(Store.UPLOAD))) {
            Upload other = Upload.ofStored(source);
            if (other.isOver(now)) {
                store.remove(other);
            } else if (other.content().equals(upload.content()) == false) {
                others.add(other);
            }
        }
        return others;
    }

    private static Refused tooMany(
        Upload upload,
        List<Upload> others,
        long bytes,
        long limitBytes
    ) {
        String open = others.stream()
            .map(other -> other.name() + " by " + other.begun().by())
            .distinct()
            .limit(MAX_OPEN)
            .collect(Collectors.joining(", "));
        String reason = String.format(
            Locale.ROOT,
            "%d uploads with %,d bytes are open (%s), and this one has %,d bytes: at most %d uploads"
                + " with %,d bytes in total may be open; commit them, end them with DELETE, or wait"
                + " until they end after %d minutes",
            others.size(),
            bytes,
            open,
            upload.bytes(),
            MAX_OPEN,
            limitBytes,
            Upload.LIFE.toMinutes()
        );
        return Refused.busy("limit", reason);
    }

    /**
     * Stores a part.
     *
     * @param part the part's number, from 0
     */
    Map<String, Object> part(String name, String content, int part, byte[] data)
        throws IOException {
        Upload upload = find(name, content);
        if (part < 0 || part >= upload.parts()) {
            String reason = "the upload has no part "
                + part
                + ", expected 0 to "
                + (upload.parts() - 1);
            throw Refused.input("limit", reason);
        }
        int expected = upload.partBytes(part);
        if (data.length != expected) {
            String reason = "part " + part + " has " + data.length + " bytes, expected " + expected;
            throw Refused.input("limit", reason);
        }
        store.storeParts(upload.name(), upload.content(), Upload.firstStored(part), data);
        return Map.of("acknowledged", true);
    }

    /** Ends an upload without serving it. */
    Map<String, Object> abort(String name, String content) {
        store.remove(find(name, content));
        return Map.of("acknowledged", true);
    }

    /**
     * Returns an open upload.
     *
     * @throws Refused of kind {@code upload} if it is not open
     */
    Upload find(String name, String content) {
        Upload upload = store.upload(content);
        boolean open = upload != null
            && upload.name().equals(name)
            && upload.isOver(store.now()) == false;
        if (open) {
            return upload;
        }
        String reason = "there is no upload ["
            + content
            + "] of the blacklist ["
            + name
            + "]: it was committed, ended or replaced, or is older than "
            + Upload.LIFE.toMinutes()
            + " minutes; begin a new one";
        throw Refused.missing("upload", reason);
    }
}

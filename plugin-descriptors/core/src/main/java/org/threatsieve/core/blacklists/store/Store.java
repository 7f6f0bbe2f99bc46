package org.threatsieve.core.blacklists.store;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.DocumentVersion;
import org.threatsieve.core.blacklists.History;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.StoredParts;
import org.threatsieve.core.blacklists.Upload;

/** Reads and writes histories, contents and uploads in the index. */
public final class Store {
    private static final Logger logger = LogManager.getLogger(Store.class);

    /** Kinds of documents. */
    public static final String PART = "part";
    public static final String UPLOAD = "upload";
    public static final String HISTORY = "blacklist";

    /** Parts that are written in one request. */
    private static final int PARTS_TOGETHER = 4;

    /** Bytes of a content's name: too many to guess. */
    private static final int NAME_BYTES = 15;

    private final Documents documents;
    private final Clock clock;
    private final SecureRandom random = new SecureRandom();

    public Store(Documents documents, Clock clock) {
        this.documents = documents;
        this.clock = clock;
    }

    /** The time, in whole milliseconds, as documents hold it. */
    public Instant now() {
        return clock.instant().truncatedTo(ChronoUnit.MILLIS);
    }

    /** Returns a new name for a content. Nobody can guess it and add parts to the content. */
    public String newContentName() {
        byte[] name = new byte[NAME_BYTES];
        random.nextBytes(name);
        return Base64.getUrlEncoder().withoutPadding().encodeToString(name);
    }

    // Histories.

    /** Reads a blacklist's history. It is empty if the name was never used. */
    @SuppressWarnings("unchecked")
    public History history(String name) {
        Document found = documents.get(historyIdentifier(name));
        if (found == null) {
            return History.none(name);
        }
        List<Map<String, Object>> stored = (List<Map<String, Object>>) found.source()
            .get("manifests");
        List<Manifest> manifests = stored.stream().map(Manifest::ofStored).toList();
        return new History(name, manifests, found.version());
    }

    /**
     * Replaces the history that was read.
     *
     * @return what is stored now, or {@code null} if somebody else has changed it
     */
    @Nullable
    public History write(History history) throws IOException {
        Map<String, Object> source = new LinkedHashMap<>();
        source.put("kind", HISTORY);
        source.put("name", history.name());
        source.put("stored_at", now().toEpochMilli());
        source.put("manifests", history.manifests().stream().map(Manifest::toStored).toList());
        String identifier = historyIdentifier(history.name());
        DocumentVersion written = documents.put(identifier, source, history.version());
        if (written == null) {
            return null;
        }
        return new History(history.name(), history.manifests(), written);
    }

    /** Removes a history that is in the index, if it is still the one that was read. */
    public void remove(History history) {
        documents.delete(historyIdentifier(history.name()), history.version());
    }

    private static String historyIdentifier(String name) {
        return "blacklist/" + name;
    }

    // Contents.

    /** Stores a whole file. */
    public void storeContent(String name, String content, Path file) throws IOException {
        int together = PARTS_TOGETHER * StoredParts.BYTES;
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

    /**
     * Stores bytes of a content.
     *
     * @param first the number of the first stored part
     */
    public void storeParts(String name, String content, int first, byte[] data) throws IOException {
        Map<String, Map<String, Object>> sources = new LinkedHashMap<>();
        int part = first;
        for (int from = 0; from < data.length; from += StoredParts.BYTES) {
            int to = Math.min(data.length, from + StoredParts.BYTES);
            Map<String, Object> source = new LinkedHashMap<>();
            source.put("kind", PART);
            source.put("name", name);
            source.put("content", content);
            source.put("part", part);
            source.put("stored_at", now().toEpochMilli());
            source.put("data", Arrays.copyOfRange(data, from, to));
            sources.put(partIdentifier(content, part), source);
            part++;
            if (sources.size() == PARTS_TOGETHER) {
                documents.putAll(sources);
                sources = new LinkedHashMap<>();
            }
        }
        if (sources.isEmpty() == false) {
            documents.putAll(sources);
        }
    }

    /** Writes a content into a new file. */
    public void fetchContent(String content, int parts, Path file) throws IOException, MissingPart {
        try (
            OutputStream out = Files.newOutputStream(
                file,
                StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE
            )
        ) {
            for (int part = 0; part < parts; part++) {
                out.write(part(content, part));
            }
        }
    }

    /** Returns whether a stored content is byte for byte this file. */
    public boolean matches(Manifest manifest, Path file) throws IOException {
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
        Document found = documents.get(partIdentifier(content, part));
        Object data = found == null ? null : found.source().get("data");
        if (data instanceof byte[] bytes) {
            return bytes;
        }
        // A part that somebody copied or restored by hand is JSON, which has bytes as base64.
        if (data instanceof String text) {
            try {
                return Base64.getDecoder().decode(text);
            } catch (IllegalArgumentException e) {
                logger.warn("part {} of content [{}] is neither bytes nor base64", part, content);
            }
        }
        throw new MissingPart(part);
    }

    /** Removes a content's parts. Missing ones are ignored. */
    public void removeContent(String content, int parts) {
        documents.delete(
            IntStream.range(0, parts).mapToObj(part -> partIdentifier(content, part)).toList()
        );
    }

    private static String partIdentifier(String content, int part) {
        return content + "/" + part;
    }

    // Uploads.

    /** Writes what was declared about an upload. */
    public void write(Upload upload) throws IOException {
        Map<String, Object> source = new LinkedHashMap<>();
        source.put("kind", UPLOAD);
        source.putAll(upload.toStored());
        documents.put(uploadIdentifier(upload.content()), source, null);
    }

    /** Returns an upload, or {@code null} if it does not exist. */
    @Nullable
    public Upload upload(String content) {
        Document found = documents.get(uploadIdentifier(content));
        return found == null ? null : Upload.ofStored(found.source());
    }

    /** Removes an upload: first the declaration, so that nobody adds parts, and then the parts. */
    public void remove(Upload upload) {
        documents.delete(List.of(uploadIdentifier(upload.content())));
        removeContent(upload.content(), StoredParts.count(upload.bytes()));
    }

    private static String uploadIdentifier(String content) {
        return "upload/" + content;
    }
}

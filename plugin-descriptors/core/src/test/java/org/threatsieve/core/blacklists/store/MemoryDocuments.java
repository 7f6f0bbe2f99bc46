package org.threatsieve.core.blacklists.store;

import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

import org.threatsieve.core.blacklists.DocumentVersion;

/** An index in memory. */
public final class MemoryDocuments implements Documents {
    /** By identifier. */
    public final Map<String, Document> documents = new TreeMap<>();
    public boolean exists = true;
    /** Reading fails, as when no shard has started. */
    public boolean unreadable;
    /** Runs once before the next write of a document with this prefix: another node is faster. */
    public final Map<String, Runnable> before = new HashMap<>();
    /** Sees each write of an identifier; may throw. */
    public Consumer<String> guard = identifier -> {};
    private long sequenceNumber;

    @Override
    public boolean exist() {
        return exists;
    }

    @Override
    public Document get(String identifier) {
        if (unreadable) {
            throw new IllegalStateException("no shard has started");
        }
        return exists ? documents.get(identifier) : null;
    }

    @Override
    public DocumentVersion put(
        String identifier,
        Map<String, Object> source,
        DocumentVersion expected
    ) {
        beforeWrite(identifier);
        Document present = documents.get(identifier);
        DocumentVersion version = present == null ? null : present.version();
        if (Objects.equals(version, expected) == false) {
            return null;
        }
        return write(identifier, source);
    }

    private void beforeWrite(String identifier) {
        guard.accept(identifier);
        List.copyOf(before.keySet())
            .stream()
            .filter(identifier::startsWith)
            .forEach(prefix -> before.remove(prefix).run());
    }

    private DocumentVersion write(String identifier, Map<String, Object> source) {
        exists = true;
        DocumentVersion version = new DocumentVersion(++sequenceNumber, 1);
        documents.put(identifier, new Document(source, version));
        return version;
    }

    @Override
    public void putAll(Map<String, Map<String, Object>> sources) {
        sources.keySet().forEach(this::beforeWrite);
        sources.forEach(this::write);
    }

    @Override
    public void delete(String identifier, DocumentVersion expected) {
        guard.accept(identifier);
        Document present = documents.get(identifier);
        if (present == null || present.version().equals(expected) == false) {
            throw new IllegalStateException("version conflict on " + identifier);
        }
        documents.remove(identifier);
    }

    @Override
    public void delete(List<String> identifiers) {
        identifiers.forEach(guard);
        identifiers.forEach(documents::remove);
    }

    @Override
    public void refresh() {}

    private Stream<Map.Entry<String, Document>> selected(Selection selection) {
        return documents.entrySet().stream().filter(entry -> {
            Map<String, Object> source = entry.getValue().source();
            boolean ofContent = selection.content() == null
                || selection.content().equals(source.get("content"));
            boolean old = selection.storedBefore() == null
                || (Long) source.get("stored_at") < selection.storedBefore().toEpochMilli();
            return selection.kinds().contains(source.get("kind")) && ofContent && old;
        });
    }

    @Override
    public List<Map<String, Object>> sources(Selection selection) {
        return selected(selection).map(entry -> entry.getValue().source()).toList();
    }

    @Override
    public List<String> identifiers(Selection selection) {
        return selected(selection).map(Map.Entry::getKey).toList();
    }

    @Override
    public List<StoredContent> contents(Selection selection) {
        Set<StoredContent> contents = new LinkedHashSet<>();
        sources(selection).forEach(
            source -> contents.add(
                new StoredContent((String) source.get("name"), (String) source.get("content"))
            )
        );
        return List.copyOf(contents);
    }

    /** The number of documents of a kind. */
    public long count(String kind) {
        return selected(Selection.ofKinds(kind)).count();
    }
}

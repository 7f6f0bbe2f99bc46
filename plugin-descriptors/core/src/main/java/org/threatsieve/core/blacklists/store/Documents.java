package org.threatsieve.core.blacklists.store;

import java.io.IOException;
import java.util.List;
import java.util.Map;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.DocumentVersion;

/**
 * The documents of the hidden index that holds everything that was pushed. Calls block. They are
 * made as the plugin, so that a user needs no rights on the index. Failures are the engine's
 * exceptions.
 *
 * <p>There are three kinds of documents: {@code part} (a piece of a file), {@code upload} (what was
 * declared about a file) and {@code blacklist} (a history).
 */
public interface Documents {
    /** The index's name. */
    String INDEX = ".threatsieve-blacklists";

    /** Returns whether the index exists. */
    boolean exist();

    /** Returns a document, or {@code null} if it or the index does not exist. */
    @Nullable
    Document get(String identifier);

    /**
     * Writes a document if nobody else has changed it.
     *
     * @param expected the version to replace; {@code null} to create the document
     * @return the new version, or {@code null} if the document has another version
     */
    @Nullable
    DocumentVersion put(
        String identifier,
        Map<String, Object> source,
        @Nullable DocumentVersion expected
    ) throws IOException;

    /**
     * Writes documents, whatever was there. Byte arrays are stored without encoding them as text.
     */
    void putAll(Map<String, Map<String, Object>> sources) throws IOException;

    /** Removes a document if nobody else has changed it; fails otherwise. */
    void delete(String identifier, DocumentVersion expected);

    /** Removes documents. Those that do not exist are ignored. */
    void delete(List<String> identifiers);

    /** Makes everything that is written visible to searches. */
    void refresh();

    /** Returns the sources of all selected documents. */
    List<Map<String, Object>> sources(Selection selection);

    /** Returns the identifiers of all selected documents. */
    List<String> identifiers(Selection selection);

    /** Returns the contents that the selected documents belong to, each once. */
    List<StoredContent> contents(Selection selection);
}

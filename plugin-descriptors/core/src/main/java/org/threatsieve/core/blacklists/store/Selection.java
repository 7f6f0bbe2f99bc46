package org.threatsieve.core.blacklists.store;

import java.time.Instant;
import java.util.List;

import org.threatsieve.core.Nullable;

/**
 * A search of the index. Documents must meet all conditions.
 *
 * @param kinds the kinds of documents
 * @param content the content that they belong to, or {@code null} for any
 * @param storedBefore the time before which they were stored, or {@code null} for any
 */
public record Selection(
    List<String> kinds,
    @Nullable String content,
    @Nullable Instant storedBefore
) {
    public static Selection ofKinds(String... kinds) {
        return new Selection(List.of(kinds), null, null);
    }

    public Selection ofContent(String content) {
        return new Selection(kinds, content, storedBefore);
    }

    public Selection storedBefore(Instant time) {
        return new Selection(kinds, content, time);
    }
}

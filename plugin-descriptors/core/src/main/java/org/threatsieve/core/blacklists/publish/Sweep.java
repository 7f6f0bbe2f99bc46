package org.threatsieve.core.blacklists.publish;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.threatsieve.core.blacklists.History;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.core.blacklists.store.Selection;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.blacklists.store.StoredContent;

/**
 * Removes what nobody needs from the index: parts of abandoned uploads, parts that a node wrote
 * before it stopped, and histories of blacklists that were deleted long ago.
 */
final class Sweep {
    private static final Logger logger = LogManager.getLogger(Sweep.class);

    /**
     * The age at which parts that no history names are removed. Far longer than an upload lasts, so
     * that nobody removes parts that are about to be used.
     */
    static final Duration ORPHANED_AFTER = Duration.ofHours(2);

    /** The age at which histories of deleted blacklists are removed. */
    static final Duration FORGOTTEN_AFTER = Duration.ofDays(90);

    /** Documents removed in one request. */
    private static final int REMOVED_TOGETHER = 1000;

    private final Pointers pointers;
    private final Documents documents;
    private final Store store;

    Sweep(Pointers pointers, Documents documents, Store store) {
        this.pointers = pointers;
        this.documents = documents;
        this.store = store;
    }

    /** Removes what nobody needs. A failure is logged: the documents stay until the next time. */
    void run() {
        try {
            if (documents.exist()) {
                removeOrphans();
                removeOldHistories();
            }
        } catch (RuntimeException e) {
            logger.warn("old documents stay in [{}] for now: {}", Documents.INDEX, e.toString());
        }
    }

    /** Removes old contents that the history of their blacklist does not name. */
    private void removeOrphans() {
        Selection old = Selection.ofKinds(Store.PART, Store.UPLOAD)
            .storedBefore(store.now().minus(ORPHANED_AFTER));
        Map<String, Set<String>> namedByName = new HashMap<>();
        for (StoredContent one : documents.contents(old)) {
            Set<String> named = namedByName.computeIfAbsent(
                one.name(),
                name -> store.history(name).contents(pointers.now().get(name))
            );
            if (named.contains(one.content()) == false) {
                removeAll(one.content());
                logger.info("removed parts of blacklist [{}] that nothing uses", one.name());
            }
        }
    }

    private void removeAll(String content) {
        Selection all = Selection.ofKinds(Store.PART, Store.UPLOAD).ofContent(content);
        List<String> identifiers = documents.identifiers(all);
        for (int from = 0; from < identifiers.size(); from += REMOVED_TOGETHER) {
            int to = Math.min(identifiers.size(), from + REMOVED_TOGETHER);
            documents.delete(identifiers.subList(from, to));
        }
    }

    private void removeOldHistories() {
        Selection old = Selection.ofKinds(Store.HISTORY)
            .storedBefore(store.now().minus(FORGOTTEN_AFTER));
        for (Map<String, Object> source : documents.sources(old)) {
            History history = store.history((String) source.get("name"));
            boolean served = pointers.now().containsKey(history.name());
            if (history.version() != null && history.isDeleted() && served == false) {
                store.remove(history);
            }
        }
    }
}

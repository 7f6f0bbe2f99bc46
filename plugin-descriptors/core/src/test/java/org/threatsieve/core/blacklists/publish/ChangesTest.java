package org.threatsieve.core.blacklists.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.at;
import static org.threatsieve.core.blacklists.Manifests.pointer;
import static org.threatsieve.core.blacklists.Manifests.pushed;
import static org.threatsieve.core.blacklists.publish.Refusals.refused;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.threatsieve.core.blacklists.History;
import org.threatsieve.core.blacklists.store.MemoryDocuments;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.blacklists.store.TestClock;

class ChangesTest {
    private final MemoryDocuments documents = new MemoryDocuments();
    private final MemoryPointers pointers = new MemoryPointers();
    private final Store store = new Store(documents, new TestClock());
    private final List<Long> pauses = new ArrayList<>();
    private final Changes changes = new Changes(pointers, store, pauses::add);
    private History history;

    @BeforeEach
    void setUp() throws IOException {
        for (long generation : new long[] { 1, 2 }) {
            store.storeParts("office", "content-" + generation, 0, new byte[10]);
            history = store.write(store.history("office").pushed(pushed(generation)));
        }
        pointers.pointers.put("office", pointer(2));
    }

    private Changes.Outcome delete() throws IOException {
        return changes.change("office", pointer(2), null, history, history.deleted(at(9)));
    }

    /** Writes the history as another node does. */
    private void writeAsAnother(History next) {
        try {
            store.write(next);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void theHistoryIsWrittenBeforeThePointerMoves() throws IOException {
        pointers.before = () -> assertTrue(store.history("office").isDeleted());
        assertEquals(new Changes.Outcome(true, pointer(2)), delete());
        assertNull(changes.pointer("office"));
    }

    @Test
    void withAnotherPointerNothingIsDone() throws IOException {
        pointers.before = () -> pointers.pointers.put("office", pointer(3));
        assertEquals(new Changes.Outcome(false, pointer(3)), delete());
        assertEquals(pointer(3), changes.pointer("office"));
        assertEquals(history.manifests(), store.history("office").manifests());
    }

    @Test
    void withAnotherHistoryNothingIsDone() throws IOException {
        documents.before.put(
            "blacklist/",
            () -> writeAsAnother(store.history("office").pushed(pushed(3)))
        );
        assertEquals(new Changes.Outcome(false, pointer(2)), delete());
        assertEquals(pointer(2), changes.pointer("office"));
        assertFalse(store.history("office").isDeleted());
    }

    @Test
    void whatCannotBeWrittenIsNotDone() {
        documents.guard = identifier -> {
            throw new IllegalStateException("the index is blocked");
        };
        try {
            delete();
        } catch (IllegalStateException | IOException e) {
            assertEquals("the index is blocked", e.getMessage());
        }
        assertEquals(pointer(2), changes.pointer("office"));
    }

    @Test
    void unneededContentsAreRemoved() {
        changes.removeUnneeded("office", each -> each.trimmed(null, pointer(2), 0));
        assertEquals(List.of(2L), store.history("office").generations());
        assertEquals(1, documents.count(Store.PART));
        // A failure is no reason to fail the push.
        documents.guard = identifier -> {
            throw new IllegalStateException("the index is blocked");
        };
        changes.removeUnneeded("office", each -> each.deleted(at(9)));
        assertFalse(store.history("office").isDeleted());
    }

    @Test
    void aRecordIsTriedAgainUntilNobodyIsFaster() throws IOException {
        documents.before.put(
            "blacklist/",
            () -> writeAsAnother(store.history("office").pushed(pushed(3)))
        );
        changes.record("office", each -> each.without(pushed(1)));
        assertEquals(List.of(2L, 3L), store.history("office").generations());
        assertEquals(1, documents.count(Store.PART));
    }

    @Test
    void aContestWithoutEndIsRefused() {
        contest();
        String reason = refused(
            409,
            "contended",
            () -> changes.record("office", each -> each.without(pushed(1)))
        );
        assertTrue(reason.contains("[office]"), reason);
        assertEquals(Changes.ATTEMPTS - 1, pauses.size());
        assertTrue(pauses.get(0) < 20, pauses.toString());
        assertTrue(pauses.stream().allMatch(pause -> pause < 640), pauses.toString());
    }

    private long generations = 3;

    /** Has another node change the history before each write. */
    private void contest() {
        documents.guard = identifier -> {
            documents.guard = each -> {};
            writeAsAnother(store.history("office").pushed(pushed(generations++)));
            contest();
        };
    }
}

package org.threatsieve.core.blacklists.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.at;
import static org.threatsieve.core.blacklists.Manifests.pointer;
import static org.threatsieve.core.blacklists.Manifests.pushed;

import java.io.IOException;
import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.blacklists.Attribution;
import org.threatsieve.core.blacklists.Upload;
import org.threatsieve.core.blacklists.store.MemoryDocuments;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.blacklists.store.TestClock;

class SweepTest {
    private final TestClock clock = new TestClock();
    private final MemoryDocuments documents = new MemoryDocuments();
    private final MemoryPointers pointers = new MemoryPointers();
    private final Store store = new Store(documents, clock);
    private final Sweep sweep = new Sweep(pointers, documents, store);

    private void parts(String name, String content) throws IOException {
        store.storeParts(name, content, 0, new byte[10]);
    }

    /** The contents that have parts. */
    private Set<String> swept() {
        sweep.run();
        Set<String> contents = new TreeSet<>();
        documents.documents.keySet()
            .stream()
            .filter(identifier -> identifier.startsWith("blacklist/") == false)
            .forEach(identifier -> contents.add(identifier.replaceFirst("/[0-9]+$", "")));
        return contents;
    }

    @Test
    void oldPartsThatNoHistoryNamesAreRemoved() throws IOException {
        store.write(store.history("office").pushed(pushed(1)));
        parts("office", "content-1");
        parts("office", "orphan");
        parts("home", "unknown");
        assertEquals(Set.of("content-1", "orphan", "unknown"), swept());
        clock.advance(Sweep.ORPHANED_AFTER.plusMillis(1));
        parts("office", "new");
        assertEquals(Set.of("content-1", "new"), swept());
    }

    @Test
    void abandonedUploadsAreRemovedWithTheirParts() throws IOException {
        Attribution begun = new Attribution(store.now(), "anna");
        store.write(new Upload("office", "abandoned", 10, "0".repeat(64), begun));
        parts("office", "abandoned");
        assertEquals(2, documents.documents.size());
        clock.advance(Sweep.ORPHANED_AFTER.plusMillis(1));
        assertEquals(Set.of(), swept());
        assertTrue(documents.documents.isEmpty());
    }

    @Test
    void contentsOfAnInterruptedDeletionAreRemoved() throws IOException {
        store.write(store.history("office").pushed(pushed(1)).deleted(at(9)));
        parts("office", "content-1");
        pointers.pointers.put("office", pointer(1));
        clock.advance(Sweep.ORPHANED_AFTER.plusMillis(1));
        assertEquals(Set.of("content-1"), swept());
        pointers.pointers.clear();
        assertEquals(Set.of(), swept());
    }

    @Test
    void oldHistoriesOfDeletedBlacklistsAreRemoved() throws IOException {
        store.write(store.history("gone").pushed(pushed(1)).deleted(at(9)));
        store.write(store.history("served").pushed(pushed(1)).deleted(at(9)));
        store.write(store.history("office").pushed(pushed(1)));
        pointers.pointers.put("served", pointer(1));
        clock.advance(Sweep.FORGOTTEN_AFTER);
        sweep.run();
        assertNotNull(documents.get("blacklist/gone"));
        clock.advance(Duration.ofMillis(1));
        sweep.run();
        assertNull(documents.get("blacklist/gone"));
        assertNotNull(documents.get("blacklist/served"));
        assertNotNull(documents.get("blacklist/office"));
    }

    @Test
    void manyPartsAreRemovedInSeveralRequests() throws IOException {
        for (int part = 0; part < 1001; part++) {
            store.storeParts("office", "orphan", part, new byte[1]);
        }
        clock.advance(Sweep.ORPHANED_AFTER.plusMillis(1));
        assertEquals(Set.of(), swept());
    }

    @Test
    void aFailureIsNoReasonToFailAPush() throws IOException {
        parts("office", "orphan");
        clock.advance(Sweep.ORPHANED_AFTER.plusMillis(1));
        documents.guard = identifier -> {
            throw new IllegalStateException("the index is blocked");
        };
        assertEquals(Set.of("orphan"), swept());
        documents.exists = false;
        sweep.run();
        assertFalse(documents.documents.isEmpty());
    }
}

package org.threatsieve.core.blacklists;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.at;
import static org.threatsieve.core.blacklists.Manifests.history;
import static org.threatsieve.core.blacklists.Manifests.pointer;
import static org.threatsieve.core.blacklists.Manifests.pushed;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import org.junit.jupiter.api.Test;

class HistoryTest {
    private final History history = history(pushed(1), pushed(2), pushed(3));

    private static Manifest of(History history, long generation) {
        return history.manifests()
            .stream()
            .filter(each -> each.pointer().generation() == generation)
            .reduce((first, last) -> last)
            .orElseThrow();
    }

    @Test
    void onlyKeptContentsAreFound() {
        History trimmed = history(pushed(1).withoutContent(), pushed(2));
        assertNull(trimmed.find(1));
        assertNull(trimmed.find(pointer(1)));
        assertEquals(pushed(2), trimmed.find(2));
        assertEquals(pushed(2), trimmed.find(pointer(2)));
        assertNull(trimmed.find(null));
        assertEquals(List.of(2L), trimmed.generations());
        assertEquals(Set.of("content-2"), trimmed.contents());
    }

    @Test
    void theOneBeforeIsTheLastServedThatWasNotRolledBack() {
        assertEquals(pushed(2), history.before(pointer(3)));
        History back = history.rolledBack(pointer(3), pointer(1), at(9));
        // 3 was left for 1, so 2 was served before.
        assertEquals(pushed(2), back.before(pointer(1)));
        assertNull(history(pushed(1)).before(pointer(1)));
    }

    @Test
    void aRollbackWithdrawsTheGenerationThatIsLeft() {
        History back = history.rolledBack(pointer(3), pointer(2), at(9));
        assertEquals(at(9), of(back, 3).withdrawn());
        assertEquals(at(9).at(), of(back, 2).servedAt());
        assertEquals(3, back.newestWithdrawn().pointer().generation());
        // Going forward withdraws nothing, and takes the withdrawal back.
        History forward = back.rolledBack(pointer(2), pointer(3), at(10));
        assertNull(of(forward, 2).withdrawn());
        assertNull(of(forward, 3).withdrawn());
        assertNull(forward.newestWithdrawn());
    }

    @Test
    void aPushReplacesAnEntryOfTheSameContent() {
        Manifest again = Manifest.pushed(
            new Inspection("office", pointer(2), false, 10, 100, 20),
            "other",
            1,
            at(9)
        );
        History next = history.pushed(again);
        assertEquals(List.of(pushed(1), pushed(3), again), next.manifests());
        assertEquals(history.version(), next.version());
    }

    @Test
    void aPushAfterADeletionDropsTheDeletedContents() {
        History next = history(pushed(5)).deleted(at(6)).pushed(pushed(5));
        assertEquals(2, next.manifests().size());
        assertFalse(next.manifests().get(0).kept());
        assertTrue(next.manifests().get(1).kept());
        assertFalse(next.isDeleted());
    }

    @Test
    void trimmingKeepsTheOneBeforeFirst() {
        History trimmed = history.trimmed(pointer(1), pointer(3), 1);
        assertEquals(List.of(1L, 3L), trimmed.generations());
        assertEquals(3, trimmed.manifests().size());
        // Then those that were served last, and withdrawn ones at the end.
        History more = history(pushed(1), pushed(2).withdrawn(at(9)), pushed(3), pushed(4));
        assertEquals(List.of(1L, 3L, 4L), more.trimmed(null, pointer(4), 2).generations());
        assertEquals(List.of(1L, 2L, 3L, 4L), more.trimmed(null, pointer(4), 3).generations());
    }

    @Test
    void trimmingKeepsHigherGenerations() {
        assertEquals(List.of(2L, 3L), history.trimmed(null, pointer(2), 0).generations());
    }

    @Test
    void aRefusedPushIsTakenOut() {
        assertEquals(List.of(pushed(1), pushed(3)), history.without(pushed(2)).manifests());
        // The same content, pushed at another time, stays.
        Manifest later = Manifest.pushed(
            new Inspection("office", pointer(2), false, 10, 100, 20),
            "other",
            1,
            at(9)
        );
        assertEquals(history.manifests(), history.without(later).manifests());
    }

    @Test
    void aDeletionKeepsTheContentsUntilNobodyWantsThem() {
        History deleted = history.deleted(at(9));
        assertTrue(deleted.isDeleted());
        assertEquals(Set.of("content-1", "content-2", "content-3"), deleted.contents());
        assertEquals(Set.of("content-3"), deleted.contents(pointer(3)));
        assertEquals(Set.of(), deleted.contents(null));
        assertEquals(Set.of(), deleted.withoutDeleted().contents());
        assertEquals(at(9), of(deleted.deleted(at(10)), 1).deleted());
    }

    @Test
    void theOldestOfAHundredAreForgotten() {
        List<Manifest> many = new ArrayList<>();
        for (int generation = 1; generation <= 100; generation++) {
            many.add(pushed(generation));
        }
        History full = history(many.toArray(Manifest[]::new)).pushed(pushed(101));
        assertEquals(100, full.manifests().size());
        assertEquals(pointer(2), full.manifests().get(0).pointer());
    }

    @Test
    void aRestoredHistoryReplacesTheDocumentThatWasWritten() {
        History written = new History("office", List.of(), new DocumentVersion(7, 1));
        History restored = written.restoredTo(history);
        assertEquals(history.manifests(), restored.manifests());
        assertEquals(7, restored.version().sequenceNumber());
        assertNull(History.none("office").version());
        assertNotNull(history.version());
    }
}

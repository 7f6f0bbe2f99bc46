package org.threatsieve.core.blacklists.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.pointer;
import static org.threatsieve.core.blacklists.publish.Refusals.refused;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.threatsieve.core.blacklists.LocalFiles;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.store.MemoryDocuments;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.blacklists.store.TestClock;
import org.threatsieve.core.matcher.FakeMatcher;

class PublisherTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    @TempDir
    Path folder;
    private final TestClock clock = new TestClock();
    private final FakeMatcher matcher = new FakeMatcher();
    private final MemoryDocuments documents = new MemoryDocuments();
    private final MemoryPointers pointers = new MemoryPointers();
    private final Store store = new Store(documents, clock);
    private Publisher publisher;

    @BeforeEach
    void setUp() {
        publisher = new Publisher(
            pointers,
            documents,
            store,
            matcher,
            new LocalFiles(folder),
            new PublishSettings() {
                @Override
                public double maxShrink() {
                    return 0.5;
                }

                @Override
                public int keptGenerations() {
                    return 1;
                }
            }
        );
    }

    @AfterEach
    void noFileIsLeftOver() throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            assertEquals(List.of(), files.filter(Files::isRegularFile).toList());
        }
    }

    private static Push.Body body(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return new Push.Body() {
            @Override
            public int length() {
                return bytes.length;
            }

            @Override
            public void writeTo(OutputStream out) throws IOException {
                out.write(bytes);
            }
        };
    }

    private PendingChange push(String text, boolean allowShrink) throws IOException {
        clock.advance(Duration.ofMinutes(1));
        Push push = new Push("office", body(text), null, null, allowShrink, TIMEOUT);
        return publisher.push(push, "anna");
    }

    private PendingChange push(long generation, long entries) throws IOException {
        return push(FakeMatcher.file("office", generation, entries), false);
    }

    private static Pointer of(long generation, long entries) {
        String text = FakeMatcher.file("office", generation, entries);
        return new Pointer(generation, FakeMatcher.digest(text));
    }

    private List<Manifest> history() {
        return store.history("office").manifests();
    }

    @Test
    void aPushIsWrittenAndThenWanted() throws IOException {
        PendingChange first = push(1, 100);
        assertEquals(new PendingChange("office", null, of(1, 100), TIMEOUT), first);
        PendingChange second = push(2, 100);
        assertEquals(of(1, 100), second.before());
        assertEquals(of(2, 100), pointers.pointers.get("office"));
        assertEquals(List.of(1L, 2L), store.history("office").generations());
        assertEquals("anna", history().get(1).pushed().by());
        assertEquals(2, documents.count(Store.PART));
        push(3, 100);
        assertEquals(List.of(2L, 3L), store.history("office").generations());
        assertEquals(2, documents.count(Store.PART));
        assertEquals(Duration.ZERO, second.withoutWaiting().timeout());
    }

    @Test
    void theSameFileAgainChangesNothing() throws IOException {
        push(1, 100);
        List<Manifest> before = history();
        PendingChange again = push(1, 100);
        assertEquals(again.wanted(), again.before());
        assertEquals(before, history());
        assertEquals(1, documents.count(Store.PART));
    }

    @Test
    void theSameFileAgainRepairsWhatIsLost() throws IOException {
        push(1, 100);
        documents.documents.keySet().removeIf(identifier -> identifier.endsWith("/0"));
        push(1, 100);
        assertEquals(1, documents.count(Store.PART));
        assertEquals(1, history().size());
        push(2, 100);
        publisher.rollback("office", null, TIMEOUT, "bert");
        assertEquals(of(1, 100), pointers.pointers.get("office"));
    }

    @Test
    void refusedFilesLeaveNoTrace() throws IOException {
        push(5, 100);
        List<Manifest> before = history();
        String damaged = refused(400, "damaged", () -> push("no blacklist at all", false));
        assertEquals("it is no blacklist", damaged);
        refused(400, "empty", () -> push("", false));
        refused(400, "name", () -> push(FakeMatcher.file("home", 6, 100), false));
        refused(409, "older", () -> push(5, 101));
        refused(409, "shrunk", () -> push(6, 10));
        assertEquals(of(5, 100), pointers.pointers.get("office"));
        assertEquals(before, history());
        assertEquals(1, documents.count(Store.PART));
        push(FakeMatcher.file("office", 6, 10), true);
        assertEquals(of(6, 10), pointers.pointers.get("office"));
    }

    @Test
    void aPushThatIsOvertakenByAnOlderOneWins() throws IOException {
        push(1, 100);
        pointers.before = () -> pointers.pointers.put("office", pointer(2));
        assertEquals(pointer(2), push(3, 100).before());
        assertEquals(of(3, 100), pointers.pointers.get("office"));
        assertEquals(2, history().size());
    }

    @Test
    void aPushThatIsOvertakenByANewerOneIsRefusedAndTakenBack() throws IOException {
        push(1, 100);
        pointers.before = () -> pointers.pointers.put("office", pointer(9));
        refused(409, "older", () -> push(3, 100));
        assertEquals(pointer(9), pointers.pointers.get("office"));
        assertEquals(List.of(1L), store.history("office").generations());
        assertEquals(1, documents.count(Store.PART));
    }

    @Test
    void withoutTheLibraryNothingIsVerified() {
        matcher.failure = "the library does not load";
        refused(503, "unavailable", () -> push(1, 100));
        refused(503, "unavailable", () -> publisher.begin("office", 10, "", "anna"));
        assertTrue(documents.documents.isEmpty());
    }

    @Test
    void anIndexThatTakesNoWritesMovesNoPointer() throws IOException {
        push(1, 100);
        documents.guard = identifier -> {
            throw new IllegalStateException("blocked");
        };
        assertThrows(IllegalStateException.class, () -> push(2, 100));
        assertThrows(
            IllegalStateException.class,
            () -> publisher.delete("office", TIMEOUT, "anna")
        );
        assertEquals(of(1, 100), pointers.pointers.get("office"));
    }

    @Test
    void theHundredAndFirstBlacklistIsRefused() {
        for (int number = 0; number < 100; number++) {
            pointers.pointers.put("name-" + number, pointer(1));
        }
        String reason = refused(409, "limit", () -> push(1, 100));
        assertTrue(reason.contains("at most 100"), reason);
    }

    @Test
    void anUploadIsPushedAndThenGone() throws IOException {
        String text = FakeMatcher.file("office", 1, 100);
        String digest = FakeMatcher.digest(text);
        String upload = (String) publisher.begin("office", text.length(), digest, "anna")
            .get("upload");
        Push push = new Push("office", null, upload, null, false, TIMEOUT);
        String reason = refused(409, "incomplete", () -> publisher.push(push, "anna"));
        assertTrue(reason.startsWith("part 0 of 1 (from 0) is missing"), reason);
        publisher.part("office", upload, 0, text.getBytes(StandardCharsets.UTF_8));
        assertEquals(of(1, 100), publisher.push(push, "anna").wanted());
        refused(404, "upload", () -> publisher.push(push, "anna"));
        assertEquals(0, documents.count(Store.UPLOAD));
        assertEquals(1, documents.count(Store.PART));
    }

    @Test
    void anUploadOfAnotherFileIsRefusedAndStays() throws IOException {
        String text = FakeMatcher.file("office", 1, 100);
        String upload = (String) publisher.begin(
            "office",
            text.length(),
            "0".repeat(64),
            "anna"
        ).get("upload");
        publisher.part("office", upload, 0, text.getBytes(StandardCharsets.UTF_8));
        Push push = new Push("office", null, upload, null, false, TIMEOUT);
        refused(400, "damaged", () -> publisher.push(push, "anna"));
        assertEquals(1, documents.count(Store.UPLOAD));
        publisher.abort("office", upload);
        assertTrue(documents.documents.isEmpty());
    }

    @Test
    void aRollbackServesTheOneBefore() throws IOException {
        push(1, 100);
        push(2, 100);
        PendingChange back = publisher.rollback("office", null, TIMEOUT, "bert");
        assertEquals(new PendingChange("office", of(2, 100), of(1, 100), TIMEOUT), back);
        assertEquals("bert", history().get(1).withdrawn().by());
        refused(409, "generation", () -> publisher.rollback("office", null, TIMEOUT, "bert"));
        refused(409, "older", () -> push(2, 101));
        // To the one that is served: nothing happens.
        publisher.rollback("office", 1L, TIMEOUT, "bert");
        publisher.rollback("office", 2L, TIMEOUT, "bert");
        assertEquals(of(2, 100), pointers.pointers.get("office"));
        assertNull(history().get(1).withdrawn());
    }

    @Test
    void nothingIsRolledBackToThatNoNodeCouldLoad() throws IOException {
        push(1, 100);
        push(2, 100);
        String reason = refused(
            409,
            "generation",
            () -> publisher.rollback("office", 7L, TIMEOUT, "bert")
        );
        assertEquals(
            "generation 7 is not kept; kept are [1, 2], with threatsieve.kept_generations = 1",
            reason
        );
        documents.delete(List.of(history().get(0).content() + "/0"));
        refused(409, "missing", () -> publisher.rollback("office", null, TIMEOUT, "bert"));
        assertEquals(of(2, 100), pointers.pointers.get("office"));
        assertNull(history().get(1).withdrawn());
    }

    private PendingChange pushTemporary(long generation, long entries) throws IOException {
        String text = FakeMatcher.file("_new-office", generation, entries);
        Push push = new Push("_new-office", body(text), null, null, false, TIMEOUT);
        return publisher.push(push, "anna");
    }

    @Test
    void aTemporaryBlacklistIsReplacedByAnyFileOfTheSameGeneration() throws IOException {
        pushTemporary(5, 100);
        pushTemporary(5, 1);
        pushTemporary(5, 0);
        pushTemporary(7, 3);
        String reason = refused(409, "older", () -> pushTemporary(6, 3));
        assertTrue(reason.startsWith("expected generation 7 or a higher one"), reason);
        // Only the content that is served is kept.
        assertEquals(List.of(7L), store.history("_new-office").generations());
        assertEquals(1, store.history("_new-office").manifests().size());
        assertEquals(1, documents.count(Store.PART));
        refused(400, "name", () -> publisher.rollback("_new-office", null, TIMEOUT, "bert"));
    }

    @Test
    void nothingStaysOfATemporaryBlacklist() throws IOException {
        pushTemporary(5, 100);
        publisher.delete("_new-office", TIMEOUT, "bert");
        assertTrue(documents.documents.isEmpty(), documents.documents.toString());
        pushTemporary(1, 1);
        assertEquals(List.of(1L), store.history("_new-office").generations());
    }

    @Test
    void temporaryBlacklistsAreCountedAlone() throws IOException {
        for (int number = 0; number < 100; number++) {
            pointers.pointers.put("name-" + number, pointer(1));
        }
        pushTemporary(1, 1);
        for (int number = 0; number < 99; number++) {
            pointers.pointers.put("_new-" + number, pointer(1));
        }
        pointers.pointers.remove("name-0");
        push(1, 100);
        pointers.pointers.put("_new-99", pointers.pointers.remove("_new-office"));
        refused(409, "limit", () -> pushTemporary(2, 1));
    }

    @Test
    void aDeletionRemovesTheContentsAndKeepsTheHistory() throws IOException {
        push(1, 100);
        push(2, 100);
        assertNull(publisher.delete("office", TIMEOUT, "bert").wanted());
        assertFalse(pointers.pointers.containsKey("office"));
        assertEquals(0, documents.count(Store.PART));
        assertEquals("bert", history().get(1).deleted().by());
        refused(404, "name", () -> publisher.delete("office", TIMEOUT, "bert"));
        refused(404, "name", () -> publisher.rollback("office", null, TIMEOUT, "bert"));
        push(1, 10);
        assertEquals(of(1, 10), pointers.pointers.get("office"));
    }
}

package org.threatsieve.core.blacklists.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.at;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.threatsieve.core.blacklists.Inspection;
import org.threatsieve.core.blacklists.LocalFiles;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.store.MemoryDocuments;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.blacklists.store.TestClock;
import org.threatsieve.core.matcher.FakeMatcher;
import org.threatsieve.core.matcher.NativeException;

class LoaderTest {
    @TempDir
    Path folder;
    private final FakeMatcher matcher = new FakeMatcher();
    private final MemoryDocuments documents = new MemoryDocuments();
    private final Store store = new Store(documents, new TestClock());
    private final DirectThread thread = new DirectThread();
    private LocalFiles files;
    private Loader loader;

    @BeforeEach
    void setUp() {
        files = new LocalFiles(folder);
        loader = new Loader(thread, store, matcher, files);
    }

    private static String text(long generation) {
        return FakeMatcher.file("office", generation, 100);
    }

    private static Pointer pointer(long generation) {
        return new Pointer(generation, FakeMatcher.digest(text(generation)));
    }

    /** Stores a generation in the index. */
    private Pointer stored(long generation) throws IOException {
        byte[] data = text(generation).getBytes(StandardCharsets.UTF_8);
        String content = "content-" + generation;
        store.storeParts("office", content, 0, data);
        Inspection file = new Inspection(
            "office",
            pointer(generation),
            false,
            data.length,
            100,
            1
        );
        store.write(store.history("office").pushed(Manifest.pushed(file, content, 1, at(1))));
        return file.pointer();
    }

    private void follow(Pointer pointer) {
        loader.follow(Map.of("office", pointer));
    }

    private LoadState state() {
        return loader.states().get("office");
    }

    private List<Long> copies() throws IOException {
        return files.copies().stream().map(copy -> copy.pointer().generation()).toList();
    }

    @Test
    void aPointerIsFollowed() throws IOException {
        follow(stored(1));
        assertEquals(LoadState.SERVING, state().state());
        assertEquals(Map.of("office", 1L), matcher.loaded);
        follow(stored(2));
        assertEquals(2, state().served().generation());
        assertEquals(List.of(2L), copies());
        assertNull(thread.scheduled);
        assertEquals(Map.of("office", pointer(2)), loader.wanted());
    }

    @Test
    void aDeletedBlacklistIsUnloaded() throws IOException {
        follow(stored(1));
        loader.follow(Map.of());
        assertTrue(loader.states().isEmpty());
        assertTrue(matcher.loaded.isEmpty());
        assertEquals(List.of(), copies());
    }

    @Test
    void itsOwnCopyIsLoadedWithoutTheIndex() throws IOException {
        follow(stored(1));
        documents.exists = false;
        matcher.loaded.clear();
        loader = new Loader(thread, store, matcher, files);
        Files.writeString(files.partial(), "half a file");
        loader.start();
        assertEquals(Map.of("office", 1L), matcher.loaded);
        assertEquals(LoadState.SERVING, state().state());
        int loads = matcher.loads;
        follow(pointer(1));
        assertEquals(loads, matcher.loads);
        try (var left = Files.list(folder)) {
            assertEquals(1, left.count());
        }
    }

    @Test
    void aDamagedCopyIsFetchedAgain() throws IOException {
        Path copy = files.copy("office", stored(1));
        Files.writeString(copy, "damaged copy");
        loader.start();
        assertTrue(loader.states().isEmpty());
        follow(pointer(1));
        assertEquals(LoadState.SERVING, state().state());
        assertEquals(text(1), Files.readString(copy));
    }

    @Test
    void aContentThatIsLostOrDamagedInTheIndexSaysWhatToDo() throws IOException {
        follow(stored(1));
        follow(pointer(2));
        assertEquals(LoadState.FAILED, state().state());
        assertEquals("missing", state().kind());
        assertEquals(
            "[.threatsieve-blacklists] does not hold it; push it again",
            state().reason()
        );
        assertEquals(1, state().served().generation());
        Pointer second = stored(2);
        documents.documents.remove("content-2/0");
        loader.retry("office");
        assertEquals(
            "part 0 is not in [.threatsieve-blacklists]; push it again",
            state().reason()
        );
        store.storeParts("office", "content-2", 0, "no blacklist at all".getBytes());
        loader.retry("office");
        assertEquals("damaged", state().kind());
        assertEquals(
            "the content in [.threatsieve-blacklists] cannot be used: it is no blacklist; push it"
                + " again",
            state().reason()
        );
        store.storeParts("office", "content-2", 0, text(3).getBytes());
        loader.retry("office");
        assertEquals("missing", state().kind());
        assertTrue(state().reason().contains("in place of [" + second + "]"), state().reason());
        assertEquals(Map.of("office", 1L), matcher.loaded);
        try (var left = Files.list(folder)) {
            assertEquals(1, left.count());
        }
    }

    @Test
    void aFailureIsTriedAgainLaterAndThenLessOften() throws IOException {
        matcher.loadFailure = new NativeException("budget", "too large");
        follow(stored(1));
        assertEquals("budget", state().kind());
        assertEquals("too large", state().reason());
        assertNotNull(thread.scheduled);
        long first = thread.delay.toMillis();
        assertTrue(first > 500 && first <= 1000, first + " ms");
        // Before that time, another change does not try it again.
        int loads = matcher.loads;
        thread.scheduled.run();
        assertEquals(loads, matcher.loads);
        loader.retry("office");
        loader.retry("office");
        assertEquals(loads + 2, matcher.loads);
        matcher.loadFailure = null;
        loader.retry("office");
        assertEquals(LoadState.SERVING, state().state());
        assertNull(thread.scheduled);
    }

    @Test
    void anIndexThatDoesNotAnswerIsNotAFailureAtOnce() throws IOException {
        Pointer pointer = stored(1);
        documents.unreadable = true;
        follow(pointer);
        assertEquals("fetch", state().kind());
        assertEquals(LoadState.LOADING, state().state());
        assertTrue(state().reason().startsWith("it cannot be read from"), state().reason());
        documents.unreadable = false;
        loader.retry("office");
        assertEquals(LoadState.SERVING, state().state());
    }

    @Test
    void withoutTheLibraryTheStateSaysSo() throws IOException {
        matcher.failure = "the library does not load";
        follow(stored(1));
        assertEquals("unavailable", state().kind());
        assertEquals("the library does not load", state().reason());
    }

    @Test
    void aStoppedLoaderDoesNothing() throws IOException {
        loader.stop();
        follow(stored(1));
        assertTrue(loader.states().isEmpty());
        Loader other = new Loader(thread, store, matcher, files);
        thread.rejects = true;
        other.follow(Map.of("office", pointer(1)));
        assertTrue(other.states().isEmpty());
        other.stop();
        assertFalse(matcher.loaded.containsKey("office"));
    }
}

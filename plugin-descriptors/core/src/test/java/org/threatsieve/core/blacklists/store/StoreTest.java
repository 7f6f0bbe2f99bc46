package org.threatsieve.core.blacklists.store;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.at;
import static org.threatsieve.core.blacklists.Manifests.pushed;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.threatsieve.core.blacklists.History;
import org.threatsieve.core.blacklists.Inspection;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.Manifests;
import org.threatsieve.core.blacklists.StoredParts;
import org.threatsieve.core.blacklists.Upload;

class StoreTest {
    @TempDir
    Path folder;
    private final MemoryDocuments documents = new MemoryDocuments();
    private final Store store = new Store(documents, new TestClock());

    private Path file(int bytes) throws Exception {
        byte[] data = new byte[bytes];
        new Random(bytes).nextBytes(data);
        return Files.write(folder.resolve("file-" + bytes), data);
    }

    private static Manifest manifest(String content, long bytes) {
        return Manifest.pushed(
            new Inspection("office", Manifests.pointer(1), false, bytes, 1, bytes),
            content,
            StoredParts.count(bytes),
            at(1)
        );
    }

    @Test
    void aHistoryIsReadBack() throws Exception {
        assertEquals(History.none("office"), store.history("office"));
        History history = store.write(store.history("office").pushed(pushed(1)));
        assertEquals(history, store.history("office"));
        history = store.write(history.pushed(pushed(2)));
        assertEquals(List.of(pushed(1), pushed(2)), store.history("office").manifests());
        store.remove(history);
        assertEquals(History.none("office"), store.history("office"));
    }

    @Test
    void aHistoryThatOthersHaveChangedIsNotWritten() throws Exception {
        History stale = store.history("office");
        store.write(stale.pushed(pushed(1)));
        assertNull(store.write(stale.pushed(pushed(2))));
        History one = store.history("office");
        store.write(one.pushed(pushed(3)));
        assertNull(store.write(one.pushed(pushed(4))));
        assertEquals(List.of(1L, 3L), store.history("office").generations());
    }

    @Test
    void aFileIsStoredAndFetched() throws Exception {
        for (int bytes : new int[] { 1, 256 << 10, (256 << 10) + 1, 5 * (256 << 10) + 7 }) {
            Path file = file(bytes);
            String content = store.newContentName();
            store.storeContent("office", content, file);
            int parts = StoredParts.count(bytes);
            Path fetched = folder.resolve("fetched-" + bytes);
            store.fetchContent(content, parts, fetched);
            assertArrayEquals(Files.readAllBytes(file), Files.readAllBytes(fetched));
            assertTrue(store.matches(manifest(content, bytes), file));
            assertEquals(parts, documents.count(Store.PART));
            store.removeContent(content, parts);
            assertEquals(0, documents.count(Store.PART));
        }
    }

    @Test
    void aContentThatIsNotTheFileDoesNotMatchIt() throws Exception {
        int bytes = 3 * (256 << 10);
        Path file = file(bytes);
        store.storeContent("office", "content", file);
        assertFalse(store.matches(manifest("content", bytes - 1), file(bytes - 1)));
        assertFalse(store.matches(manifest("content", bytes + 1), file(bytes + 1)));
        byte[] longer = Arrays.copyOf(Files.readAllBytes(file), bytes + 1);
        Path startsAlike = Files.write(folder.resolve("longer"), longer);
        assertFalse(store.matches(manifest("content", bytes), startsAlike));
        documents.delete(List.of("content/1"));
        assertFalse(store.matches(manifest("content", bytes), file));
        MissingPart missing = assertThrows(
            MissingPart.class,
            () -> store.fetchContent("content", 3, folder.resolve("fetched"))
        );
        assertEquals(1, missing.part());
    }

    @Test
    void aPartThatWasCopiedByHandIsBase64() throws Exception {
        Path file = file(100);
        store.storeContent("office", "content", file);
        Map<String, Object> part = documents.get("content/0").source();
        part.put("data", Base64.getEncoder().encodeToString(Files.readAllBytes(file)));
        assertTrue(store.matches(manifest("content", 100), file));
        part.put("data", "not base64!");
        assertFalse(store.matches(manifest("content", 100), file));
    }

    @Test
    void anUploadIsReadBackAndRemovedWithItsParts() throws Exception {
        Upload upload = new Upload("office", "content", 10, "0".repeat(64), at(1));
        assertNull(store.upload("content"));
        store.write(upload);
        assertEquals(upload, store.upload("content"));
        store.storeParts("office", "content", 0, new byte[10]);
        store.remove(upload);
        assertTrue(documents.documents.isEmpty());
    }

    @Test
    void namesOfContentsDiffer() {
        String name = store.newContentName();
        assertTrue(name.matches("[A-Za-z0-9_-]{20}"), name);
        assertNotEquals(name, store.newContentName());
    }

    @Test
    void timesAreWholeMilliseconds() {
        assertEquals("2026-11-25T12:00:00.123Z", store.now().toString());
    }
}

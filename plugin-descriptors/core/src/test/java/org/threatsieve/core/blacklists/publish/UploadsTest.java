package org.threatsieve.core.blacklists.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.publish.Refusals.refused;

import java.io.IOException;
import java.time.Duration;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.blacklists.store.MemoryDocuments;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.blacklists.store.TestClock;

class UploadsTest {
    private static final String DIGEST = "0".repeat(64);
    private static final int PART = 4 << 20;
    private static final long LIMIT = 1 << 30;

    private final TestClock clock = new TestClock();
    private final MemoryDocuments documents = new MemoryDocuments();
    private final Uploads uploads = new Uploads(documents, new Store(documents, clock));

    private String begin(String name, long bytes, String user) throws IOException {
        clock.advance(Duration.ofMillis(1));
        return (String) uploads.begin(name, bytes, DIGEST, user, LIMIT).get("upload");
    }

    @Test
    void theAnswerSaysHowToSend() throws IOException {
        Map<String, Object> answer = uploads.begin("office", PART + 1, DIGEST, "anna", LIMIT);
        assertEquals(PART, answer.get("part_bytes"));
        assertEquals(2, answer.get("parts"));
        assertEquals("2026-11-25T13:00:00.123Z", answer.get("expires_at"));
        assertNotNull(uploads.find("office", (String) answer.get("upload")));
    }

    @Test
    void wrongDeclarationsAreRefused() {
        refused(400, "limit", () -> uploads.begin("office", 0, DIGEST, "anna", LIMIT));
        refused(400, "digest", () -> uploads.begin("office", 10, "abc", "anna", LIMIT));
        refused(400, "budget", () -> uploads.begin("office", LIMIT + 1, DIGEST, "anna", LIMIT));
        assertTrue(documents.documents.isEmpty());
    }

    @Test
    void aPartMustHaveItsSize() throws IOException {
        String upload = begin("office", PART + 1, "anna");
        for (int part : new int[] { -1, 2 }) {
            refused(400, "limit", () -> uploads.part("office", upload, part, new byte[1]));
        }
        refused(400, "limit", () -> uploads.part("office", upload, 0, new byte[1]));
        refused(400, "limit", () -> uploads.part("office", upload, 1, new byte[2]));
        uploads.part("office", upload, 1, new byte[1]);
        uploads.part("office", upload, 0, new byte[PART]);
        assertEquals(17, documents.count(Store.PART));
    }

    @Test
    void anUploadEndsByItselfOrOnRequest() throws IOException {
        String first = begin("office", 10, "anna");
        String second = begin("home", 10, "anna");
        refused(404, "upload", () -> uploads.find("home", first));
        uploads.part("office", first, 0, new byte[10]);
        uploads.abort("office", first);
        refused(404, "upload", () -> uploads.find("office", first));
        assertEquals(1, documents.documents.size());
        clock.advance(Duration.ofHours(1).plusMillis(1));
        refused(404, "upload", () -> uploads.part("home", second, 0, new byte[10]));
        // The next one to begin removes it.
        begin("home", 10, "anna");
        assertEquals(1, documents.count(Store.UPLOAD));
    }

    @Test
    void theOldestOfOneUserAndBlacklistGivesWay() throws IOException {
        String first = begin("office", 10, "anna");
        String other = begin("office", 10, "bert");
        String second = begin("office", 10, "anna");
        uploads.find("office", first);
        String third = begin("office", 10, "anna");
        refused(404, "upload", () -> uploads.find("office", first));
        for (String open : new String[] { other, second, third }) {
            uploads.find("office", open);
        }
    }

    @Test
    void twentyMayBeOpen() throws IOException {
        for (int number = 0; number < 20; number++) {
            begin("name-" + number, 10, "anna");
        }
        String reason = refused(429, "limit", () -> begin("one-more", 10, "anna"));
        assertTrue(reason.startsWith("20 uploads with 200 bytes are open (name-"), reason);
        assertTrue(reason.contains(" by anna, "), reason);
        assertEquals(20, documents.count(Store.UPLOAD));
    }

    @Test
    void togetherTheyStayBelowTheMemoryLimit() throws IOException {
        begin("office", LIMIT / 2 + 1, "anna");
        refused(429, "limit", () -> begin("home", LIMIT / 2, "anna"));
        begin("home", LIMIT / 2 - 1, "anna");
    }
}

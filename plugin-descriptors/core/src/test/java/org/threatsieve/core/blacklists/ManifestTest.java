package org.threatsieve.core.blacklists;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

class ManifestTest {
    private static final String DIGEST = "ab".repeat(32);
    private static final Attribution PUSHED = new Attribution(
        Instant.parse("2026-11-25T12:00:00.123Z"),
        "anna"
    );
    private static final Attribution LATER = new Attribution(
        Instant.parse("2026-11-26T12:00:00Z"),
        "bert"
    );
    private static final Manifest MANIFEST = Manifest.pushed(
        new Inspection("office", new Pointer(8, DIGEST), true, 1000, 50, 2000),
        "content",
        3,
        PUSHED
    );

    @Test
    void everyStateIsReadBackFromTheIndex() {
        for (Manifest manifest : List.of(
            MANIFEST,
            MANIFEST.withoutContent(),
            MANIFEST.withdrawn(LATER),
            MANIFEST.deleted(LATER),
            MANIFEST.withdrawn(LATER).deleted(LATER).withoutContent(),
            MANIFEST.servedAgain(LATER.at())
        )) {
            assertEquals(manifest, Manifest.ofStored(manifest.toStored()));
        }
    }

    @Test
    void theHistorysEntry() {
        assertEquals(
            "{generation=8, digest="
                + DIGEST
                + ", entries=50, bytes=1000, parts=3, signed=true, kept=true,"
                + " pushed_at=2026-11-25T12:00:00.123Z, pushed_by=anna,"
                + " served_at=2026-11-25T12:00:00.123Z}",
            MANIFEST.toJson().toString()
        );
        Map<String, Object> left = MANIFEST.withdrawn(LATER).toJson();
        assertEquals("2026-11-26T12:00:00Z", left.get("rolled_back_at"));
        assertEquals("bert", left.get("rolled_back_by"));
        assertEquals("bert", MANIFEST.deleted(LATER).toJson().get("deleted_by"));
    }

    @Test
    void theStoredFormHasTheContentInPlaceOfKept() {
        assertEquals("content", MANIFEST.toStored().get("content"));
        assertFalse(MANIFEST.toStored().containsKey("kept"));
        assertFalse(MANIFEST.withoutContent().toStored().containsKey("content"));
    }

    @Test
    void aContentThatIsServedAgainIsNoLongerWithdrawn() {
        Manifest again = MANIFEST.withdrawn(LATER).deleted(LATER).servedAgain(LATER.at());
        assertNull(again.withdrawn());
        assertNull(again.deleted());
        assertEquals(LATER.at(), again.servedAt());
        assertEquals(PUSHED, again.pushed());
        assertTrue(again.kept());
        assertFalse(again.withoutContent().kept());
    }
}

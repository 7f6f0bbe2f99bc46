package org.threatsieve.core.blacklists;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.at;
import static org.threatsieve.core.blacklists.Manifests.minute;

import org.junit.jupiter.api.Test;

class UploadTest {
    private static final int PART = 4 << 20;

    private static Upload of(long bytes) {
        return new Upload("office", "content", bytes, "0".repeat(64), at(0));
    }

    @Test
    void allPartsButTheLastHaveTheSameSize() {
        assertEquals(PART, Upload.PART_BYTES);
        assertEquals(1, of(1).parts());
        assertEquals(1, of(PART).parts());
        Upload three = of(2L * PART + 1);
        assertEquals(3, three.parts());
        assertEquals(PART, three.partBytes(0));
        assertEquals(PART, three.partBytes(1));
        assertEquals(1, three.partBytes(2));
        assertEquals(PART, of(PART).partBytes(0));
    }

    @Test
    void aPartIsStoredInSixteen() {
        assertEquals(0, Upload.firstStored(0));
        assertEquals(32, Upload.firstStored(2));
        assertEquals(1, Upload.ofStoredPart(31));
        assertEquals(2, Upload.ofStoredPart(32));
        assertEquals(16, StoredParts.count(PART));
        assertEquals(17, StoredParts.count(PART + 1));
        assertEquals(0, StoredParts.count(0));
    }

    @Test
    void itEndsAfterAnHour() {
        Upload upload = of(1);
        assertEquals(minute(60), upload.expiresAt());
        assertFalse(upload.isOver(minute(60)));
        assertTrue(upload.isOver(minute(60).plusMillis(1)));
    }

    @Test
    void itIsReadBackFromTheIndex() {
        Upload upload = of(5_000_000_000L);
        assertEquals(upload, Upload.ofStored(upload.toStored()));
    }
}

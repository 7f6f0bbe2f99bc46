package org.threatsieve.core.blacklists;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;

import org.junit.jupiter.api.Test;

class PointerTest {
    private static final String DIGEST = "0123456789abcdef".repeat(4);

    @Test
    void itsTextIsReadBack() {
        for (long generation : new long[] { 0, 1, 42, 9_223_372_036_854_775_807L }) {
            Pointer pointer = new Pointer(generation, DIGEST);
            assertEquals(pointer, Pointer.parse(pointer.toString()));
        }
        assertEquals("42:" + DIGEST, new Pointer(42, DIGEST).toString());
    }

    @Test
    void otherTextsAreRefused() {
        for (String text : List.of(
            "",
            DIGEST,
            "1:",
            ":" + DIGEST,
            "-1:" + DIGEST,
            "01:" + DIGEST,
            "1:" + DIGEST.toUpperCase(),
            "1:" + DIGEST + "0",
            "1:" + DIGEST.substring(1),
            " 1:" + DIGEST,
            "12345678901234567890:" + DIGEST
        )) {
            assertThrows(IllegalArgumentException.class, () -> Pointer.parse(text), text);
        }
    }

    @Test
    void aDigestHas64HexadecimalDigits() {
        assertTrue(Pointer.isDigest(DIGEST));
        assertFalse(Pointer.isDigest(DIGEST.substring(1)));
        assertFalse(Pointer.isDigest("g".repeat(64)));
    }

    @Test
    void aBlacklistsNameIsShortAndPlain() {
        for (String name : List.of("default", "a", "0", "-_", "a".repeat(64))) {
            assertEquals(name, BlacklistName.require(name));
        }
        for (String name : List.of("", "No", "a b", "a".repeat(65), "bücher", "a/b", "a\n")) {
            Refused refused = assertThrows(Refused.class, () -> BlacklistName.require(name), name);
            assertEquals("name", refused.kind());
            assertEquals(400, refused.status().code());
        }
    }
}

package org.threatsieve.core.matcher;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

import org.junit.jupiter.api.Test;

class OutBufferTest {
    private static byte[] used(OutBuffer buffer) {
        return Arrays.copyOf(buffer.bytes(), buffer.length());
    }

    @Test
    void textIsUtf8BehindItsHeader() {
        for (String text : new String[] { "", "plain", "bücher", "\u4e2d\u6587", "\ud83d\ude00" }) {
            OutBuffer buffer = new OutBuffer(1000);
            byte[] expected = text.getBytes(StandardCharsets.UTF_8);
            assertEquals(expected.length, buffer.putText(4, text));
            buffer.setInt(0, 0x04030201);
            assertEquals(4 + expected.length, buffer.length());
            assertArrayEquals(new byte[] { 1, 2, 3, 4 }, Arrays.copyOf(buffer.bytes(), 4));
            assertArrayEquals(expected, Arrays.copyOfRange(buffer.bytes(), 4, buffer.length()));
        }
    }

    @Test
    void halfASurrogatePairBecomesAQuestionMark() {
        OutBuffer buffer = new OutBuffer(1000);
        assertEquals(2, buffer.putText(0, "a\ud800"));
        assertArrayEquals(new byte[] { 'a', '?' }, used(buffer));
    }

    @Test
    void textWithoutRoomIsNotAppended() {
        OutBuffer buffer = new OutBuffer(10);
        assertEquals(5, buffer.putText(1, "12345"));
        assertEquals(-1, buffer.putText(1, "1234"));
        // As many characters as there is room for, but more bytes.
        assertEquals(-1, buffer.putText(1, "ü23"));
        assertEquals(6, buffer.length());
        assertEquals(3, buffer.putText(1, "123"));
        assertEquals(10, buffer.length());
        assertFalse(buffer.reserve(1));
    }

    @Test
    void itGrowsUpToItsLimit() {
        OutBuffer buffer = new OutBuffer(100_000);
        assertTrue(buffer.reserve(100_000));
        assertFalse(buffer.reserve(100_001));
        String text = "x".repeat(33_333);
        for (int i = 0; i < 3; i++) {
            assertEquals(33_333, buffer.putText(0, text));
        }
        assertEquals(-1, buffer.putText(0, "xx"));
        assertEquals("x".repeat(99_999), new String(used(buffer), StandardCharsets.US_ASCII));
    }

    @Test
    void clearingFreesALargeBufferAndKeepsASmallOne() {
        OutBuffer buffer = new OutBuffer(1 << 20);
        buffer.putText(0, "x".repeat(1 << 20));
        buffer.clear();
        assertEquals(0, buffer.length());
        assertEquals(256 * 1024, buffer.bytes().length);
        byte[] kept = buffer.bytes();
        buffer.clear();
        assertTrue(kept == buffer.bytes());
    }

    @Test
    void bytesAreReplacedAndDropped() {
        OutBuffer buffer = new OutBuffer(10);
        buffer.putText(0, "abc");
        buffer.setByte(1, 200);
        buffer.putByte(7);
        assertArrayEquals(new byte[] { 'a', (byte) 200, 'c', 7 }, used(buffer));
        buffer.truncate(1);
        assertArrayEquals(new byte[] { 'a' }, used(buffer));
    }
}

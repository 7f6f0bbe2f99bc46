package org.threatsieve.core.matcher;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

import org.junit.jupiter.api.Test;

class TermsTest {
    private static boolean add(TermBatch batch, String text) {
        byte[] bytes = ("-" + text).getBytes(StandardCharsets.UTF_8);
        return batch.add(3, bytes, 1, bytes.length - 1);
    }

    @Test
    void aBatchHasHeadersAndTerms() {
        TermBatch batch = new TermBatch();
        for (String text : new String[] { "abc", "", "de" }) {
            assertTrue(add(batch, text));
        }
        assertEquals(3, batch.count());
        ByteBuffer bytes = ByteBuffer.wrap(batch.buffer().bytes(), 0, batch.buffer().length())
            .order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(3 << 24 | 3, bytes.getInt());
        bytes.position(bytes.position() + 3);
        assertEquals(3 << 24, bytes.getInt());
        assertEquals(3 << 24 | 2, bytes.getInt());
        assertEquals(2, bytes.remaining());
        assertArrayEquals("abc".getBytes(StandardCharsets.UTF_8), batch.term(0));
        assertArrayEquals(new byte[0], batch.term(1));
        assertArrayEquals("de".getBytes(StandardCharsets.UTF_8), batch.term(2));
        batch.clear();
        assertTrue(add(batch, "f"));
        assertArrayEquals("f".getBytes(StandardCharsets.UTF_8), batch.term(0));
    }

    @Test
    void aBatchIsLimited() {
        TermBatch batch = new TermBatch();
        for (int i = 0; i < TermBatch.MAX_TERMS; i++) {
            assertTrue(add(batch, "x"));
        }
        assertFalse(add(batch, "x"));
        batch.clear();
        byte[] longest = new byte[65_535];
        int count = 0;
        while (batch.add(0, longest, 0, longest.length)) {
            count++;
        }
        assertEquals(8 * 1024 * 1024 / (4 + longest.length), count);
        assertThrows(
            IllegalArgumentException.class,
            () -> new TermBatch().add(0, new byte[65_536], 0, 65_536)
        );
    }

    private static ByteBuffer answer(int bytes) {
        ByteBuffer answer = ByteBuffer.allocate(40 + bytes).order(ByteOrder.LITTLE_ENDIAN);
        answer.putLong(7);
        for (int i = 0; i < 32; i++) {
            answer.put((byte) (0xf0 + i));
        }
        return answer;
    }

    private static final String DIGEST = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
        + "000102030405060708090a0b0c0d0e0f";

    @Test
    void anAnswerIsRead() {
        ByteBuffer answer = answer(8 + 8 + 40);
        answer.putInt(3).putInt(0);
        answer.putInt(500).putInt(2);
        answer.putLong(10).putLong(20).putInt(0);
        answer.putLong(Long.MIN_VALUE).putLong(Long.MAX_VALUE).putInt(8080);
        TermHits hits = new TermHits(answer.array());
        assertEquals(new Served(7, DIGEST), hits.served());
        assertTrue(hits.next());
        assertEquals(3, hits.term());
        assertSame(Conditions.ALWAYS, hits.conditions());
        assertTrue(hits.next());
        assertEquals(500, hits.term());
        assertFalse(hits.conditions().always());
        assertFalse(hits.next());
        assertFalse(new TermHits(answer(0).array()).next());
    }

    private static Conditions conditions(long... numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(4 + numbers.length / 3 * 20)
            .order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(numbers.length / 3);
        for (int i = 0; i < numbers.length; i += 3) {
            bytes.putLong(numbers[i]).putLong(numbers[i + 1]).putInt((int) numbers[i + 2]);
        }
        return Conditions.read(bytes.flip());
    }

    @Test
    void conditionsHoldFromTheirBeginningToBeforeTheirEnd() throws IOException {
        Conditions conditions = conditions(10, 20, 0, 30, 40, 443);
        Conditions.Port noPort = port -> false;
        Conditions.Port https = port -> port == 443;
        for (long time = 0; time < 50; time++) {
            boolean first = time >= 10 && time < 20;
            boolean second = time >= 30 && time < 40;
            assertEquals(first, conditions.hold(time, 0, noPort), "at " + time);
            assertEquals(first || second, conditions.hold(time, 0, https), "at " + time);
        }
        // The time may be later than known.
        assertTrue(conditions.hold(8, 2, noPort));
        assertFalse(conditions.hold(7, 2, noPort));
        assertTrue(Conditions.ALWAYS.hold(-5, 0, noPort));
    }

    @Test
    void aSegmentMayBeWhollyInsideOrOutside() {
        Conditions conditions = conditions(10, 20, 0, 30, 40, 443);
        assertTrue(conditions.always(10, 19));
        assertFalse(conditions.always(10, 20));
        assertFalse(conditions.always(9, 19));
        assertFalse(conditions.always(30, 39));
        assertTrue(conditions.never(20, 29));
        assertTrue(conditions.never(0, 9));
        assertTrue(conditions.never(40, 99));
        assertFalse(conditions.never(19, 29));
        assertFalse(conditions.never(20, 30));
        assertFalse(conditions.never(0, 99));
        assertTrue(Conditions.ALWAYS.always(0, 99));
        assertFalse(Conditions.ALWAYS.never(0, 99));
    }

    @Test
    void thePresentChangesTheAnswerAtItsBounds() {
        Conditions conditions = conditions(10, 20, 0, 30, 40, 0);
        long[][] expected = {
            { 5, Long.MIN_VALUE, 10 },
            { 10, 10, 20 },
            { 19, 10, 20 },
            { 20, 20, 30 },
            { 35, 30, 40 },
            { 40, 40, Long.MAX_VALUE } };
        for (long[] one : expected) {
            assertEquals(one[1], conditions.changedSince(one[0]), "at " + one[0]);
            assertEquals(one[2], conditions.changesAt(one[0]), "at " + one[0]);
        }
    }

    @Test
    void equalConditionsAreEqual() {
        assertEquals(conditions(1, 2, 3), conditions(1, 2, 3));
        assertEquals(conditions(1, 2, 3).hashCode(), conditions(1, 2, 3).hashCode());
        for (long[] other : new long[][] { { 1, 2, 4 }, { 1, 3, 3 }, { 0, 2, 3 } }) {
            assertFalse(conditions(1, 2, 3).equals(conditions(other)));
        }
    }
}

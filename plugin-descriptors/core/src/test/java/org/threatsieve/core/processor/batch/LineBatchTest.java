package org.threatsieve.core.processor.batch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.matcher.FakeMatcher;
import org.threatsieve.core.processor.fields.FieldPath;

class LineBatchTest {
    private static final int MIB = 1 << 20;

    private final FakeMatcher matcher = new FakeMatcher();
    private final LineBatch batch = new LineBatch().of(new FieldPath("event.original"));

    private List<String> lines() {
        batch.check(matcher, null);
        return matcher.lines.get(matcher.lines.size() - 1);
    }

    @Test
    void eachEventHasALine() {
        batch.add(Map.of("event", Map.of("original", "one bücher")));
        batch.add(Map.of("message", "not this field"));
        batch.add(Map.of("event.original", "three"));
        assertEquals(List.of("one bücher", "", "three"), lines());
        assertNull(batch.skipped(1));
    }

    @Test
    void somethingOtherThanOneTextIsMalformed() {
        batch.add(Map.of("event.original", 7));
        batch.add(Map.of("event.original", List.of("a line")));
        batch.add(Map.of("event.original", "a line", "event", Map.of("original", "another")));
        assertEquals(List.of("", "", ""), lines());
        for (int event = 0; event < 3; event++) {
            assertEquals(SkipReason.MALFORMED, batch.skipped(event));
        }
    }

    @Test
    void aFullBatchTakesNoFurtherEvent() {
        Map<String, Object> large = Map.of("event.original", "x".repeat(5 * MIB));
        assertTrue(batch.add(large));
        assertFalse(batch.add(large));
        assertTrue(batch.add(Map.of("event.original", "short")));
        assertEquals(List.of("x".repeat(5 * MIB), "short"), lines());
        batch.clear();
        assertTrue(batch.add(large));
        assertEquals(1, batch.events());
    }

    @Test
    void aLineThatIsTooLongIsSkipped() {
        assertTrue(batch.add(Map.of("event.original", "x".repeat(8 * MIB))));
        assertEquals(SkipReason.TOO_LONG, batch.skipped(0));
        assertTrue(batch.add(Map.of("event.original", "short")));
        assertEquals(List.of("", "short"), lines());
    }
}

package org.threatsieve.core.processor.fields;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

class FieldPathTest {
    private final FieldPath path = new FieldPath("a.b.c");

    /** A map that can be changed, with null values if the test wants. */
    private static Map<String, Object> event(Object... keysAndValues) {
        Map<String, Object> event = new HashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            event.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return event;
    }

    @Test
    void wrongNamesSayWhy() {
        for (String name : List.of("", " ", ".a", "a.", "a..b", ".")) {
            assertTrue(FieldPath.fault(name).contains("between single dots"), name);
        }
        assertTrue(FieldPath.fault("a".repeat(256)).contains("at most 255 characters"));
        assertTrue(FieldPath.fault("a.".repeat(16) + "a").contains("16 parts"));
        assertTrue(FieldPath.fault("_id").contains("the engine's own"));
        String longest = "a".repeat(255);
        String deepest = "a.".repeat(15) + "a";
        for (String name : List.of("a", "a.b", "@timestamp", longest, deepest)) {
            assertNull(FieldPath.fault(name), name);
        }
    }

    @Test
    void everySpellingIsFound() {
        assertEquals(List.of(1), path.values(event("a", event("b", event("c", 1)))));
        assertEquals(List.of(1), path.values(event("a.b.c", 1)));
        assertEquals(List.of(1), path.values(event("a.b", event("c", 1))));
        assertEquals(List.of(1), path.values(event("a", event("b.c", 1))));
        assertEquals(
            List.of(1, 2, 3),
            path.values(event("a.b.c", 1, "a", event("b.c", 2, "b", event("c", 3))))
        );
        assertEquals(List.of(), path.values(event("a", event("b", 1), "b", event("c", 1))));
        assertEquals(List.of(), path.values(event("a.b.c", null)));
    }

    @Test
    void aRemovedFieldTakesEmptyObjectsWithIt() {
        Map<String, Object> event = event("a", event("b", event("c", 1)), "x", 2);
        path.replace(event, value -> null);
        assertEquals(event("x", 2), event);
        event = event("a", event("b", event("c", 1), "other", 3));
        path.replace(event, value -> null);
        assertEquals(event("a", event("other", 3)), event);
    }

    @Test
    void everySpellingIsReplaced() {
        Map<String, Object> event = event("a.b.c", 1, "a", event("b.c", 2, "b", event("c", 3)));
        path.replace(event, value -> (Integer) value * 10);
        assertEquals(event("a.b.c", 10, "a", event("b.c", 20, "b", event("c", 30))), event);
    }

    @Test
    void aFieldIsClosedIfAnIndexCouldNotMapIt() {
        assertTrue(path.isOpen(event()));
        assertTrue(path.isOpen(event("a", event("b", event("c", 1, "d", 2)), "ab", 1)));
        assertTrue(path.isOpen(event("a", null, "a.b.c", 1)));
        assertFalse(path.isOpen(event("a", 1)));
        assertFalse(path.isOpen(event("a", event("b", "text"))));
        assertFalse(path.isOpen(event("a.b", List.of())));
        assertFalse(path.isOpen(event("a.b.c.d", 1)));
        assertFalse(path.isOpen(event("a", event("b", event("c.d", 1)))));
    }

    @Test
    void aFieldIsWrittenNestedInPlaceOfEverySpelling() {
        Map<String, Object> event = event("a.b.c", 1, "a", event("b.c", 2, "x", 3));
        path.set(event, 9);
        assertEquals(event("a", event("b", event("c", 9), "x", 3)), event);
    }

    @Test
    void fieldsOverlapIfOneIsInsideTheOther() {
        assertTrue(path.overlaps(path));
        assertTrue(path.overlaps(new FieldPath("a.b")));
        assertTrue(new FieldPath("a").overlaps(path));
        assertFalse(path.overlaps(new FieldPath("a.bc")));
        assertFalse(path.overlaps(new FieldPath("a.b.cd")));
    }
}

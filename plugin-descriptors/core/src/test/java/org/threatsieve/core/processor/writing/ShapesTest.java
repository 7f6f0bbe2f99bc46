package org.threatsieve.core.processor.writing;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

class ShapesTest {
    private static final Object NOTHING = List.of();

    @Test
    void aTextFieldTakesEveryText() {
        assertTrue(Shapes.mapTogether(NOTHING, "matched"));
        assertTrue(Shapes.mapTogether("anything", "matched"));
        assertTrue(Shapes.mapTogether(List.of("a", "b"), "matched"));
        assertTrue(Shapes.mapTogether("anything", "2026-11-25"));
    }

    @Test
    void aDateFieldTakesDatesOnly() {
        for (String date : List.of("2026", "2026-11-25", "2026/11", "2026T1")) {
            assertFalse(Shapes.mapTogether(date, "matched"), date);
            assertTrue(Shapes.mapTogether(date, "2025-01-01"), date);
        }
        assertTrue(Shapes.mapTogether("20261125", "matched"));
    }

    @Test
    void aNumberFieldTakesNoText() {
        assertFalse(Shapes.mapTogether(7, "matched"));
        assertFalse(Shapes.mapTogether(true, "matched"));
        // The index has rejected the event, or maps the field as text.
        assertTrue(Shapes.mapTogether(List.of(7, "text"), "matched"));
    }

    @Test
    void objectsAndValuesDoNotMix() {
        Map<String, Object> object = Map.of("a", Map.of("b", "x"));
        assertFalse(Shapes.mapTogether(object, "matched"));
        assertFalse(Shapes.mapTogether("text", object));
        assertFalse(Shapes.mapTogether(object, Map.of("a", "x")));
        assertFalse(Shapes.mapTogether(Map.of("a", "x"), object));
        assertTrue(Shapes.mapTogether(object, Map.of("a", Map.of("b", "y", "c", 1))));
    }

    @Test
    void aDottedKeyIsInsideAnObject() {
        assertFalse(Shapes.mapTogether(Map.of("a.b", "x"), Map.of("a", "y")));
        assertTrue(Shapes.mapTogether(Map.of("a.b", "x"), Map.of("a", Map.of("b", "y"))));
        assertFalse(Shapes.mapTogether(Map.of("a.b", 1), Map.of("a", Map.of("b", "y"))));
    }

    @Test
    void elementsOfArraysShareAField() {
        List<Object> first = List.of(Map.of("id", "x"), Map.of("count", 1));
        assertTrue(Shapes.mapTogether(first, List.of(Map.of("id", "y"))));
        assertFalse(Shapes.mapTogether(first, List.of(Map.of("count", "many"))));
    }
}

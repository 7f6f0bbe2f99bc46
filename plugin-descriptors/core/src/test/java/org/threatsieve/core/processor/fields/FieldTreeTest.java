package org.threatsieve.core.processor.fields;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

class FieldTreeTest {
    /** The values that a tree finds, as {@code FIELD VALUE}. */
    private static List<String> found(Map<String, Object> event, String... fields) {
        List<String> found = new ArrayList<>();
        new FieldTree(List.of(fields)).walk(
            event,
            (field, kind, value) -> found.add(fields[field] + " " + value)
        );
        return found;
    }

    @Test
    void everySpellingIsFound() {
        String field = "a.b.c";
        List<String> expected = List.of("a.b.c x");
        assertEquals(expected, found(Map.of("a", Map.of("b", Map.of("c", "x"))), field));
        assertEquals(expected, found(Map.of("a.b.c", "x"), field));
        assertEquals(expected, found(Map.of("a.b", Map.of("c", "x")), field));
        assertEquals(expected, found(Map.of("a", Map.of("b.c", "x")), field));
    }

    @Test
    void eachElementOfAnArrayIsRead() {
        Map<String, Object> first = Map.of("data", List.of("x", List.of("y")));
        Map<String, Object> event = Map.of("dns", List.of(first, Map.of("data", "z"), "text", 7));
        assertEquals(List.of("dns.data x", "dns.data y", "dns.data z"), found(event, "dns.data"));
    }

    @Test
    void numbersAreTextAndOtherValuesAreNotRead() {
        Map<String, Object> event = Map.of(
            "number",
            3405803521L,
            "truth",
            true,
            "empty",
            "",
            "list",
            Arrays.asList(null, 1.5)
        );
        assertEquals(
            List.of("number 3405803521", "list 1.5"),
            found(event, "number", "truth", "empty", "list", "missing")
        );
    }

    @Test
    void valuesComeInTheOrderOfTheFields() {
        Map<String, Object> event = Map.of("a", "1", "b", "2", "c", Map.of("d", "3"));
        assertEquals(List.of("c.d 3", "a 1", "b 2"), found(event, "c.d", "a", "b"));
        assertEquals(List.of("b 2", "c.d 3"), found(event, "b", "c.d"));
    }

    @Test
    void aFieldMayBeInsideAnother() {
        Map<String, Object> value = Map.of("a", "x");
        Map<String, Object> object = Map.of("a", Map.of("b", "y"));
        assertEquals(List.of("a x"), found(value, "a", "a.b"));
        assertEquals(List.of("a.b y"), found(object, "a", "a.b"));
    }

    @Test
    void aValueHasTheKindOfItsField() {
        List<Kind> kinds = new ArrayList<>();
        Map<String, Object> event = Map.of("url.domain", "x", "source.ip", "y", "mine", "z");
        new FieldTree(List.of("url.domain", "source.ip", "mine")).walk(
            event,
            (field, kind, value) -> kinds.add(kind)
        );
        assertEquals(List.of(Kind.HOST, Kind.ADDRESS, Kind.ANY), kinds);
    }
}

package org.threatsieve.core.processor.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.processor.fields.Kind;
import org.threatsieve.core.processor.options.QueryOptions.QueryField;

class QueryOptionsTest {
    private static QueryOptions read(Map<String, Object> given) {
        return QueryOptions.read(
            new OptionReader("threat_match", new HashMap<>(given), Option.QUERY)
        );
    }

    private static void refused(String option, String reason, Map<String, Object> given) {
        Map<String, Object> config = new LinkedHashMap<>(Map.of("fields", List.of("host")));
        config.putAll(given);
        WrongOption wrong = assertThrows(WrongOption.class, () -> read(config));
        assertEquals(option, wrong.option());
        assertTrue(wrong.getMessage().contains(reason), wrong.getMessage());
    }

    @Test
    void theDefaults() {
        QueryOptions options = read(Map.of("fields", List.of("url.domain")));
        assertEquals(List.of(new QueryField("url.domain", null)), options.fields());
        assertEquals("default", options.blacklist());
        assertEquals("@timestamp", options.timeField());
        assertFalse(options.parts());
        Map<String, Object> lookup = new HashMap<>();
        lookup.put("min_confidence", 0);
        lookup.put("max_tlp", null);
        lookup.put("partial", false);
        lookup.put("parts", false);
        assertEquals(lookup, options.lookup());
    }

    @Test
    void givenOptions() {
        Map<String, Object> given = new HashMap<>();
        given.put("fields", List.of(Map.of("field", "link", "kind", "url"), "host"));
        given.put("blacklist", "_new-office");
        given.put("max_tlp", "amber");
        given.put("parts", true);
        given.put("time_field", null);
        QueryOptions options = read(given);
        assertEquals(Kind.URL, options.fields().get(0).kindOfValues());
        assertEquals("_new-office", options.blacklist());
        assertNull(options.timeField());
        assertTrue(options.parts());
        assertEquals("AMBER", options.lookup().get("max_tlp"));
        assertEquals(options, read(given));
    }

    @Test
    void theKindIsThatOfTheFieldOrOfItsParent() {
        assertEquals(Kind.HOST, new QueryField("url.domain", null).kindOfValues());
        assertEquals(Kind.HOST, new QueryField("url.domain.keyword", null).kindOfValues());
        assertEquals(Kind.URL, new QueryField("url.original.raw", null).kindOfValues());
        assertEquals(Kind.HASH, new QueryField("url.domain", Kind.HASH).kindOfValues());
        for (String other : new String[] { "host", "url", "url.other", "keyword.url.domain" }) {
            assertEquals(Kind.ANY, new QueryField(other, null).kindOfValues(), other);
        }
    }

    @Test
    void wrongFields() {
        refused("fields", "is missing, expected the fields", Map.of("fields", List.of()));
        refused("fields", "isn't a list", Map.of("fields", "host"));
        refused("fields", "names [a] twice", Map.of("fields", List.of("a", "a")));
        refused("fields", "the pattern [a*]", Map.of("fields", List.of("a*")));
        refused("fields", "holds [5]", Map.of("fields", List.of(5)));
        refused("fields", "holds [{kind=url}]", Map.of("fields", List.of(Map.of("kind", "url"))));
        refused(
            "fields",
            "the kind [word], expected one of any, host, address, url, hash, email, file_name",
            Map.of("fields", List.of(Map.of("field", "a", "kind", "word")))
        );
        refused(
            "fields",
            "has 257 fields, expected at most 256",
            Map.of("fields", Arrays.asList(new String[257]))
        );
    }

    @Test
    void optionsOfTheProcessorAloneAreRefused() {
        refused("flag_field", "is not an option of threat_match", Map.of("flag_field", "x"));
        refused("timefield", "the nearest is [time_field]", Map.of("timefield", "x"));
        refused("time_field", "is not a field name", Map.of("time_field", "a..b"));
        refused("blacklist", "expected 1 to 64", Map.of("blacklist", "A"));
        refused("min_confidence", "expected 0 to 100", Map.of("min_confidence", 101));
    }
}

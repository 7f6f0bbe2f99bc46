package org.threatsieve.core.processor.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.processor.fields.EcsFields;

class ProcessorOptionsTest {
    private static ProcessorOptions read(Map<String, Object> config) {
        Map<String, Object> given = new HashMap<>(config);
        ProcessorOptions options = ProcessorOptions.read(new OptionReader("threat_match", given));
        assertEquals(Map.of(), given, "every option is read");
        return options;
    }

    private static void refused(Map<String, Object> config, String option, String part) {
        Map<String, Object> given = new HashMap<>(config);
        WrongOption wrong = assertThrows(
            WrongOption.class,
            () -> ProcessorOptions.read(new OptionReader("threat_match", given))
        );
        assertEquals(option, wrong.option());
        assertTrue(wrong.getMessage().contains(part), wrong.getMessage());
    }

    @Test
    void theDefaults() {
        ProcessorOptions options = read(Map.of());
        assertNotNull(options.fields());
        assertNull(options.message());
        assertEquals("indicator", options.flag().name());
        assertEquals("matched", options.flagValue());
        assertEquals("threat.enrichments", options.target().name());
        assertEquals("default", options.blacklist());
        assertEquals(Stamp.MATCHED, options.stamp());
        assertEquals(OnUnavailable.MARK, options.onUnavailable());
        assertEquals(
            Map.of(
                "fields",
                EcsFields.all(),
                "min_confidence",
                0,
                "max_tlp",
                "AMBER",
                "max_matches",
                100,
                "partial",
                false,
                "stamp",
                "matched"
            ),
            options.lookup()
        );
    }

    @Test
    void aMessageField() {
        ProcessorOptions options = read(Map.of("message_field", "event.original"));
        assertNull(options.fields());
        assertEquals("event.original", options.message().name());
        assertEquals(List.of("event.original"), options.lookup().get("fields"));
        assertEquals("squid", options.lookup().get("message_format"));
    }

    @Test
    void nullMeansNoneWhereItMayBe() {
        Map<String, Object> config = new HashMap<>();
        config.put("flag_field", null);
        config.put("max_tlp", null);
        ProcessorOptions options = read(config);
        assertNull(options.flag());
        assertTrue(options.lookup().containsKey("max_tlp"));
        assertNull(options.lookup().get("max_tlp"));
        options = read(Map.of("max_tlp", "amber+strict"));
        assertEquals("AMBER+STRICT", options.lookup().get("max_tlp"));
    }

    @Test
    void optionsThatDoNotGoTogether() {
        refused(
            Map.of("fields", List.of("a"), "message_field", "b"),
            "message_field",
            "together with [fields]"
        );
        refused(Map.of("message_format", "text"), "message_format", "without [message_field]");
        Map<String, Object> config = new HashMap<>(Map.of("flag_value", "x"));
        config.put("flag_field", null);
        refused(config, "flag_value", "has no effect if [flag_field] is null");
        refused(Map.of("flag_field", "threat"), "flag_field", "together with [target_field]");
    }

    @Test
    void listsOfFieldsThatAreWrong() {
        refused(Map.of("fields", List.of()), "fields", "at least one field");
        refused(Map.of("fields", List.of("a", "a")), "fields", "names [a] twice");
        refused(Map.of("fields", List.of("a..b")), "fields", "between single dots");
        refused(
            Map.of("fields", Collections.nCopies(257, "a")),
            "fields",
            "has 257 fields, expected at most 256"
        );
    }

    @Test
    void fieldsThatAreWrittenMustBeOurOwn() {
        List<String> plain = List.of("plain");
        refused(Map.of("flag_field", "threatsieve.x"), "flag_field", "by the processor itself");
        refused(Map.of("flag_field", "url"), "flag_field", "overlaps [url.original]");
        refused(Map.of("flag_field", "plain", "fields", plain), "flag_field", "overlaps [plain]");
        refused(Map.of("flag_field", "tags.x"), "flag_field", "inside the field [tags] of ECS");
        refused(Map.of("target_field", "@timestamp"), "target_field", "a field of ECS");
        refused(Map.of("target_field", "threat", "flag_field", "x"), "target_field", "of ECS");
        assertEquals("mine", read(Map.of("target_field", "mine")).target().name());
    }

    @Test
    void namesAndWordsThatAreWrong() {
        refused(Map.of("blacklist", "No Name"), "blacklist", "1 to 64 of a-z, 0-9, - and _");
        refused(Map.of("max_tlp", "PURPLE"), "max_tlp", "CLEAR, GREEN, AMBER, AMBER+STRICT, RED");
        refused(
            Map.of("message_field", "a", "message_format", "csv"),
            "message_format",
            "squid, combined, text, auto"
        );
        refused(Map.of("min_confidence", 101), "min_confidence", "0 to 100");
        refused(Map.of("on_unavailable", "drop"), "on_unavailable", "mark, fail, pass");
    }
}

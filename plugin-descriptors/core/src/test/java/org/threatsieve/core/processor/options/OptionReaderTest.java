package org.threatsieve.core.processor.options;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class OptionReaderTest {
    private final Map<String, Object> config = new HashMap<>();
    private final OptionReader reader = new OptionReader("threat_match", config);

    private static void refused(String option, String reason, Executable call) {
        WrongOption wrong = assertThrows(WrongOption.class, call);
        assertEquals(option, wrong.option());
        assertEquals(reason, wrong.getMessage());
    }

    @Test
    void anOptionIsTakenOutWhenItIsRead() {
        config.put("blacklist", "office");
        assertTrue(reader.has(Option.BLACKLIST));
        assertEquals("office", reader.text(Option.BLACKLIST, "default"));
        assertFalse(reader.has(Option.BLACKLIST));
        assertEquals("default", reader.text(Option.BLACKLIST, "default"));
        assertEquals(Map.of(), config);
    }

    @Test
    void nullIsAValueOnlyWhereItMayBe() {
        config.put("max_tlp", null);
        assertNull(reader.textOrNull(Option.MAX_TLP, "AMBER"));
        assertEquals("AMBER", reader.textOrNull(Option.MAX_TLP, "AMBER"));
        config.put("message_field", null);
        refused(
            "message_field",
            "is missing, expected a string",
            () -> reader.text(Option.MESSAGE_FIELD, null)
        );
        assertEquals(Map.of(), config);
    }

    @Test
    void numbersAreReadFromTextToo() {
        config.put("max_matches", "12");
        assertEquals(12, reader.number(Option.MAX_MATCHES, 100, 1, 1000));
        assertEquals(100, reader.number(Option.MAX_MATCHES, 100, 1, 1000));
        for (Object wrong : List.of(0, 1001, -5)) {
            config.put("max_matches", wrong);
            refused(
                "max_matches",
                "is " + wrong + ", expected 1 to 1000",
                () -> reader.number(Option.MAX_MATCHES, 100, 1, 1000)
            );
        }
        for (Object wrong : List.of("high", 1.5, true, 5_000_000_000L)) {
            config.put("max_matches", wrong);
            refused(
                "max_matches",
                "is [" + wrong + "], expected an int, 1 to 1000",
                () -> reader.number(Option.MAX_MATCHES, 100, 1, 1000)
            );
        }
    }

    @Test
    void otherTypesAreRefused() {
        config.put("partial", "true");
        refused(
            "partial",
            "isn't a boolean, but of type [String]",
            () -> reader.truth(Option.PARTIAL, false)
        );
        config.put("blacklist", 7);
        refused(
            "blacklist",
            "isn't a string, but of type [Integer]",
            () -> reader.text(Option.BLACKLIST, "default")
        );
        config.put("fields", "url");
        refused(
            "fields",
            "isn't a list, but of type [String]",
            () -> reader.texts(Option.FIELDS, List.of())
        );
        config.put("fields", Arrays.asList("url", null));
        refused(
            "fields",
            "holds [null], expected strings",
            () -> reader.texts(Option.FIELDS, List.of())
        );
    }

    @Test
    void truthsAndListsAreRead() {
        config.put("partial", true);
        assertTrue(reader.truth(Option.PARTIAL, false));
        assertFalse(reader.truth(Option.PARTIAL, false));
        config.put("fields", List.of("a", "b"));
        assertEquals(List.of("a", "b"), reader.texts(Option.FIELDS, List.of("c")));
        assertEquals(List.of("c"), reader.texts(Option.FIELDS, List.of("c")));
    }

    @Test
    void aWordIsOneOfAnEnumInLowerCase() {
        assertEquals(Stamp.MATCHED, reader.word(Option.STAMP, Stamp.MATCHED));
        for (Stamp stamp : Stamp.values()) {
            config.put("stamp", stamp.name().toLowerCase());
            assertEquals(stamp, reader.word(Option.STAMP, Stamp.MATCHED));
        }
        config.put("stamp", "ALL");
        refused(
            "stamp",
            "is [ALL], expected one of matched, all, none",
            () -> reader.word(Option.STAMP, Stamp.MATCHED)
        );
    }

    @Test
    void anUnknownOptionNamesTheNearest() {
        config.put("mesage_field", "message");
        refused(
            "mesage_field",
            "is not an option of threat_match; the nearest is [message_field]",
            reader::refuseUnknown
        );
        config.clear();
        for (Option option : Option.PROCESSOR) {
            config.put(option.key(), 1);
        }
        reader.refuseUnknown();
    }
}

package org.threatsieve.opensearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.opensearch.common.settings.Settings;
import org.threatsieve.core.matcher.MatcherOptions;

class NodeSettingsTest {
    private static MatcherOptions options(Map<String, String> given) {
        Settings.Builder settings = Settings.builder();
        given.forEach(settings::put);
        return NodeSettings.matcherOptions(settings.build());
    }

    @Test
    void theDefaults() {
        MatcherOptions options = options(Map.of());
        assertEquals(100, options.deadlineMillis());
        assertEquals(64 << 20, options.instanceMemoryBytes());
        assertEquals("", options.trustedKey());
        assertTrue(options.instances() >= 1);
        // A quarter of the machine's memory.
        assertTrue(options.memoryLimitBytes() > 1 << 20);
    }

    @Test
    void theMemoryLimitIsBytesOrAShare() {
        long quarter = options(Map.of("threatsieve.memory_limit", "25%")).memoryLimitBytes();
        long half = options(Map.of("threatsieve.memory_limit", "50%")).memoryLimitBytes();
        assertTrue(Math.abs(half - 2 * quarter) <= 1);
        assertEquals(
            2L << 30,
            options(Map.of("threatsieve.memory_limit", "2gb")).memoryLimitBytes()
        );
    }

    @Test
    void limitsHold() {
        for (Map<String, String> wrong : List.of(
            Map.of("threatsieve.deadline", "7ms"),
            Map.of("threatsieve.deadline", "2m"),
            Map.of("threatsieve.instance_memory", "15mb"),
            Map.of("threatsieve.instances", "0"),
            Map.of("threatsieve.memory_limit", "much")
        )) {
            assertThrows(RuntimeException.class, () -> options(wrong), wrong.toString());
        }
    }
}

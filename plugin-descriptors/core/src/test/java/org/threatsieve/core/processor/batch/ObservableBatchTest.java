package org.threatsieve.core.processor.batch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.matcher.FakeMatcher;
import org.threatsieve.core.processor.fields.FieldTree;

class ObservableBatchTest {
    private static final int MAX_VALUE = 65_535;

    private final FakeMatcher matcher = new FakeMatcher();
    private final ObservableBatch batch = new ObservableBatch().of(
        new FieldTree(List.of("plain", "url.domain"))
    );

    /** The observables that the matcher gets. */
    private List<String> observables() {
        batch.check(matcher, null);
        return matcher.observables.get(matcher.observables.size() - 1);
    }

    private List<String> contexts() {
        observables();
        return matcher.contexts.get(matcher.contexts.size() - 1);
    }

    @Test
    void eachObservableHasItsEventFieldAndKind() {
        assertTrue(batch.add(Map.of("plain", "a", "url.domain", "b")));
        assertTrue(batch.add(Map.of()));
        assertTrue(batch.add(Map.of("url", Map.of("domain", List.of("bücher", 7)))));
        assertEquals(3, batch.events());
        // 0: any kind, 1: a host.
        assertEquals(List.of("0/0/0/a", "0/1/1/b", "2/1/1/bücher", "2/1/1/7"), observables());
    }

    @Test
    void timeAndPortComeWithEachEvent() {
        batch.add(Map.of("@timestamp", "2026-11-25T12:00:00Z", "destination.port", 443));
        batch.add(Map.of("@timestamp", 1590969600000L, "destination", Map.of("port", "65535")));
        batch.add(Map.of("@timestamp", true, "destination.port", "http"));
        batch.add(Map.of("@timestamp", "x".repeat(256), "destination.port", 65536));
        batch.add(Map.of("@timestamp", "x".repeat(255), "destination.port", -1));
        assertEquals(
            List.of(
                "2026-11-25T12:00:00Z/443",
                "1590969600000/65535",
                "/0",
                "/0",
                "x".repeat(255) + "/0"
            ),
            contexts()
        );
    }

    @Test
    void aValueThatIsTooLongIsSkipped() {
        batch.add(Map.of("plain", List.of("x".repeat(MAX_VALUE + 1), "a")));
        batch.add(Map.of("plain", "ü".repeat(MAX_VALUE / 2 + 1)));
        batch.add(Map.of("plain", "x".repeat(MAX_VALUE)));
        assertEquals(SkipReason.TOO_LONG, batch.skipped(0));
        assertEquals(SkipReason.TOO_LONG, batch.skipped(1));
        assertNull(batch.skipped(2));
        assertEquals(List.of("0/0/0/a", "2/0/0/" + "x".repeat(MAX_VALUE)), observables());
    }

    @Test
    void aFullBatchTakesNoFurtherEvent() {
        List<String> half = Collections.nCopies(40_000, "a");
        assertTrue(batch.add(Map.of("plain", half)));
        assertFalse(batch.add(Map.of("plain", half)));
        assertEquals(1, batch.events());
        assertNull(batch.skipped(0));
        assertTrue(batch.add(Map.of("plain", Collections.nCopies(25_536, "b"))));
        List<String> observables = observables();
        assertEquals(65_536, observables.size());
        assertEquals("1/0/0/b", observables.get(40_000));
        assertEquals("1/0/0/b", observables.get(65_535));
    }

    @Test
    void anEventThatDoesNotFitLeavesNoTrace() {
        Map<String, Object> tooLong = Map.of("plain", "x".repeat(MAX_VALUE + 1));
        assertTrue(batch.add(Map.of("plain", Collections.nCopies(65_536, "a"))));
        assertFalse(batch.add(Map.of("plain", List.of(tooLong.get("plain"), "b"))));
        // The batch without the event is looked up, and the event starts the next one.
        assertEquals(65_536, observables().size());
        assertNull(batch.skipped(1));
        batch.clear();
        assertTrue(batch.add(Map.of("plain", "b")));
        assertEquals(List.of("0/0/0/b"), observables());
    }

    @Test
    void anEmptyBatchTakesAsMuchOfAnEventAsFits() {
        assertTrue(batch.add(Map.of("plain", Collections.nCopies(65_537, "a"))));
        assertEquals(SkipReason.TOO_MANY, batch.skipped(0));
        assertEquals(65_536, observables().size());
        batch.clear();
        assertEquals(0, batch.events());
        assertNull(batch.skipped(0));
        Object[] long8MiB = new Object[130];
        Arrays.fill(long8MiB, "x".repeat(MAX_VALUE));
        assertTrue(batch.add(Map.of("plain", List.of(long8MiB))));
        assertEquals(SkipReason.TOO_MANY, batch.skipped(0));
        assertEquals(127, observables().size());
    }
}

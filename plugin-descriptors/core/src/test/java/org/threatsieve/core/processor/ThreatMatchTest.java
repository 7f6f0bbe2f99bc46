package org.threatsieve.core.processor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.matcher.FakeMatcher;
import org.threatsieve.core.matcher.NativeException;
import org.threatsieve.core.processor.fields.Event;
import org.threatsieve.core.processor.options.OptionReader;
import org.threatsieve.core.processor.options.ProcessorOptions;

class ThreatMatchTest {
    private final FakeMatcher matcher = new FakeMatcher();

    private ThreatMatch processor(Object... options) {
        Map<String, Object> config = new HashMap<>();
        config.put("fields", List.of("plain"));
        for (int i = 0; i < options.length; i += 2) {
            config.put((String) options[i], options[i + 1]);
        }
        return new ThreatMatch(
            ProcessorOptions.read(new OptionReader(ThreatMatch.TYPE, config)),
            matcher
        );
    }

    private static List<Event> events(Object... values) {
        List<Event> events = new ArrayList<>();
        for (Object value : values) {
            events.add(new Event(new HashMap<>(Map.of("plain", value)), new HashMap<>()));
        }
        return events;
    }

    private static Object unchecked(Event event) {
        return event.fields().get("threatsieve") instanceof Map<?, ?> ours
            ? ours.get("unchecked")
            : null;
    }

    private void answer(Object... documents) {
        matcher.answer = () -> Map.of("generation", 5, "documents", List.of(documents));
    }

    @Test
    void aBatchIsOneCallAndEachEventGetsItsAnswer() {
        answer(
            Map.of("document", 1, "withheld", 1),
            Map.of("document", 2, "unchecked", "deadline", "detail", "slow")
        );
        List<Event> events = events("a", "b", "c");
        assertArrayEquals(new String[3], processor().process(events));
        assertEquals(List.of(List.of("0/0/0/a", "1/0/0/b", "2/0/0/c")), matcher.observables);
        assertEquals(Map.of("plain", "a"), events.get(0).fields());
        assertEquals("matched", events.get(1).fields().get("indicator"));
        assertEquals("deadline", unchecked(events.get(2)));
        assertEquals(Map.of("deadline", 1L), matcher.unchecked().of("default"));
    }

    @Test
    void moreEventsThanOneBatchTakesAreSeveralCalls() {
        matcher.answer = () -> Map.of(
            "generation",
            5,
            "documents",
            List.of(Map.of("document", 0, "omitted", matcher.observables.size()))
        );
        List<String> many = Collections.nCopies(40_000, "x");
        List<Event> events = events(many, many, "y");
        processor().process(events);
        assertEquals(2, matcher.observables.size());
        assertEquals(40_001, matcher.observables.get(1).size());
        List<Object> omitted = new ArrayList<>();
        for (Event event : events) {
            Map<?, ?> ours = (Map<?, ?>) event.fields().get("threatsieve");
            omitted.add(ours == null ? null : ours.get("omitted"));
        }
        assertEquals(List.of(1L, 2L), omitted.subList(0, 2));
        assertEquals(null, omitted.get(2));
    }

    @Test
    void aFailedCallLosesNoEvent() {
        matcher.answer = () -> {
            throw new NativeException("no-blacklist", "none is loaded");
        };
        List<Event> events = events("a", "b");
        assertArrayEquals(new String[2], processor().process(events));
        assertEquals("no-blacklist", unchecked(events.get(0)));
        assertEquals("no-blacklist", unchecked(events.get(1)));
        assertEquals(Map.of("no-blacklist", 2L), matcher.unchecked().of("default"));

        events = events("a", "b");
        assertArrayEquals(new String[2], processor("on_unavailable", "pass").process(events));
        assertEquals(Map.of("plain", "a"), events.get(0).fields());

        events = events("a", "b");
        String message = "the event cannot be checked against blacklist [default] (no-blacklist):"
            + " none is loaded";
        assertArrayEquals(
            new String[] { message, message },
            processor("on_unavailable", "fail").process(events)
        );
        assertEquals(Map.of("plain", "a"), events.get(0).fields());
    }

    @Test
    void aSkippedValueMarksTheEventUnlessSomethingElseMatches() {
        answer(Map.of("document", 1, "withheld", 1));
        String tooLong = "x".repeat(70_000);
        List<Event> events = events(tooLong, List.of(tooLong, "b"));
        processor().process(events);
        assertEquals("too-long", unchecked(events.get(0)));
        assertEquals(null, unchecked(events.get(1)));
        assertEquals("matched", events.get(1).fields().get("indicator"));
    }

    @Test
    void anEventThatCannotBeChangedIsCountedAndPasses() {
        answer(Map.of("document", 0, "withheld", 1));
        Event event = new Event(Collections.unmodifiableMap(Map.of("plain", "a")), new HashMap<>());
        String[] failures = processor("on_unavailable", "fail").process(List.of(event));
        assertTrue(failures[0].contains("(internal): the event cannot be written"), failures[0]);
        assertArrayEquals(new String[1], processor().process(List.of(event)));
        assertEquals(Map.of("internal", 2L), matcher.unchecked().of("default"));
    }

    @Test
    void theLookupNamesTheBlacklistAndItsOptions() {
        processor("blacklist", "office", "min_confidence", 50);
        assertEquals("office", matcher.lookup.blacklist());
        assertTrue(new String(matcher.lookup.options()).contains("min_confidence=50"));
    }
}

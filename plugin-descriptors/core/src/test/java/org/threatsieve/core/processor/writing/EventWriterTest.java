package org.threatsieve.core.processor.writing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.processor.fields.Event;
import org.threatsieve.core.processor.options.OptionReader;
import org.threatsieve.core.processor.options.ProcessorOptions;

class EventWriterTest {
    private static EventWriter writer(Object... options) {
        Map<String, Object> config = object(options);
        return new EventWriter(ProcessorOptions.read(new OptionReader("threat_match", config)));
    }

    private static Map<String, Object> object(Object... keysAndValues) {
        Map<String, Object> object = new HashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            object.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return object;
    }

    private static Event event(Object... keysAndValues) {
        return new Event(object(keysAndValues), new HashMap<>());
    }

    /** The event in a later run, without the ingest metadata of the first. */
    private static Event again(Event event) {
        return new Event(event.fields(), new HashMap<>());
    }

    private static Map<String, Object> enrichment(String blacklist, String value) {
        return object("value", value, "threatsieve", object("blacklist", blacklist));
    }

    private static Answer.OfEvent found(Object... enrichments) {
        List<Object> confidence = new ArrayList<>();
        for (Object each : enrichments) {
            confidence.add(50);
        }
        return new Answer.OfEvent(null, null, List.of(enrichments), confidence, 0, 0);
    }

    private static Map<String, Object> claim(String blacklist) {
        return object("blacklist", blacklist, "field", "indicator", "value", "matched");
    }

    @Test
    void aMatchIsWritten() {
        Event event = event("url", "x");
        Map<String, Object> enrichment = enrichment("default", "x");
        writer().matched(event, 5, found(enrichment));
        assertEquals(
            object(
                "url",
                "x",
                "indicator",
                "matched",
                "threat",
                object("enrichments", List.of(enrichment)),
                "threatsieve",
                object(
                    "generation",
                    object("default", 5L),
                    "confidence",
                    List.of(50),
                    "flags",
                    List.of(claim("default"))
                )
            ),
            event.fields()
        );
    }

    @Test
    void anUnmatchedEventGetsNothingButTheStampOfAll() {
        Event event = event("url", "x");
        writer().unmatched(event, 5);
        assertEquals(object("url", "x"), event.fields());
        writer("stamp", "all").unmatched(event, 5);
        assertEquals(
            object("url", "x", "threatsieve", object("generation", object("default", 5L))),
            event.fields()
        );
    }

    @Test
    void theSameRunAgainWritesTheSame() {
        Event event = event("url", "x");
        EventWriter writer = writer();
        writer.matched(event, 5, found(enrichment("default", "x")));
        writer.matched(again(event), 5, found(enrichment("default", "x")));
        Event once = event("url", "x");
        writer.matched(once, 5, found(enrichment("default", "x")));
        assertEquals(once.fields(), event.fields());
    }

    @Test
    void aMatchThatIsGoneTakesItsFlagWithIt() {
        Event event = event("url", "x", "threat", object("framework", "MITRE"));
        EventWriter writer = writer();
        writer.matched(event, 5, found(enrichment("default", "x")));
        writer.unmatched(again(event), 6);
        assertEquals(
            object("url", "x", "threat", object("framework", "MITRE")),
            event.fields()
        );
    }

    @Test
    void whatOthersWroteStays() {
        Map<String, Object> foreign = object("feed", "other");
        Event event = event(
            "threat",
            object("enrichments", new ArrayList<>(List.of(foreign))),
            "indicator",
            "suspicious"
        );
        EventWriter writer = writer();
        writer.matched(event, 5, found(enrichment("default", "x")));
        assertEquals("matched", event.fields().get("indicator"));
        writer.unmatched(again(event), 6);
        assertEquals(object("threat", object("enrichments", List.of(foreign))), event.fields());
        // A flag without our claim is somebody else's.
        Event flagged = event("indicator", "matched");
        writer.unmatched(flagged, 6);
        assertEquals(object("indicator", "matched"), flagged.fields());
    }

    @Test
    void aFlagStaysWhileAnotherBlacklistClaimsIt() {
        Event event = event();
        EventWriter office = writer("blacklist", "office");
        EventWriter home = writer("blacklist", "home");
        office.matched(event, 5, found(enrichment("office", "x")));
        home.matched(event, 7, found(enrichment("home", "x")));
        assertEquals(
            List.of(claim("office"), claim("home")),
            ((Map<?, ?>) event.fields().get("threatsieve")).get("flags")
        );
        Event second = again(event);
        office.unmatched(second, 6);
        assertEquals("matched", second.fields().get("indicator"));
        home.unmatched(second, 8);
        assertEquals(Map.of(), second.fields());
    }

    @Test
    void forgedOursIsRemoved() {
        Event event = event("threatsieve", "x", "threatsieve.generation", 9, "threatsieves", 1);
        writer().unmatched(event, 5);
        assertEquals(object("threatsieves", 1), event.fields());
    }

    @Test
    void whereTheIndexCouldNotMapItItGoesIntoOurObject() {
        Event event = event("indicator", object("ip", "x"), "threat", "a text");
        Map<String, Object> enrichment = enrichment("default", "x");
        writer().matched(event, 5, found(enrichment));
        assertEquals(object("ip", "x"), event.fields().get("indicator"));
        Map<?, ?> ours = (Map<?, ?>) event.fields().get("threatsieve");
        assertEquals(List.of("indicator", "threat.enrichments"), ours.get("clash"));
        assertEquals(List.of(enrichment), ours.get("enrichments"));
    }

    @Test
    void anUncheckedEventKeepsWhatAnEarlierRunFound() {
        Event event = event();
        writer().matched(event, 5, found(enrichment("default", "x")));
        Event second = again(event);
        writer().unchecked(second, "deadline");
        assertEquals("matched", second.fields().get("indicator"));
        assertEquals(
            object("unchecked", "deadline", "flags", List.of(claim("default"))),
            second.fields().get("threatsieve")
        );
        writer("blacklist", "other").unchecked(second, "trap");
        writer("blacklist", "third").unchecked(second, "deadline");
        Map<?, ?> ours = (Map<?, ?>) second.fields().get("threatsieve");
        assertEquals(List.of("deadline", "trap"), ours.get("unchecked"));
    }

    @Test
    void countsOfSeveralBlacklistsAreAdded() {
        Event event = event();
        Answer.OfEvent withheld = new Answer.OfEvent(null, null, List.of(), List.of(), 2, 3);
        writer("blacklist", "office", "stamp", "none").matched(event, 5, withheld);
        writer("blacklist", "home", "stamp", "none").matched(event, 5, withheld);
        Map<?, ?> ours = (Map<?, ?>) event.fields().get("threatsieve");
        assertEquals(4L, ours.get("withheld"));
        assertEquals(6L, ours.get("omitted"));
        assertFalse(ours.containsKey("generation"));
    }
}

package org.threatsieve.core.processor.writing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.matcher.NativeException;

class AnswerTest {
    private static Map<String, Object> of(Object... documents) {
        return Map.of("generation", 7, "documents", List.of(documents));
    }

    @Test
    void noAnswerSaysNothingOfAnyEvent() {
        Answer answer = Answer.read(null, 2);
        assertNull(answer.events()[0]);
        assertNull(answer.events()[1]);
    }

    @Test
    void documentsAreFoundByTheirPlace() {
        Map<String, Object> enrichment = Map.of("feed", "x");
        Answer answer = Answer.read(
            of(
                Map.of(
                    "document",
                    1,
                    "enrichments",
                    List.of(enrichment),
                    "confidence",
                    List.of(85)
                ),
                Map.of("document", 3, "unchecked", "deadline", "detail", "slow")
            ),
            4
        );
        assertEquals(7, answer.generation());
        assertNull(answer.events()[0]);
        assertNull(answer.events()[2]);
        Answer.OfEvent matched = answer.events()[1];
        assertEquals(List.of(enrichment), matched.enrichments());
        assertEquals(List.of(85), matched.confidence());
        assertTrue(matched.hasMatched());
        assertNull(matched.unchecked());
        Answer.OfEvent unchecked = answer.events()[3];
        assertEquals("deadline", unchecked.unchecked());
        assertEquals("slow", unchecked.detail());
        assertFalse(unchecked.hasMatched());
    }

    @Test
    void aMatchThatMayNotBeShownIsAMatch() {
        Answer answer = Answer.read(
            of(Map.of("document", 0, "withheld", 2), Map.of("document", 1, "omitted", 5L)),
            2
        );
        assertTrue(answer.events()[0].hasMatched());
        assertEquals(2, answer.events()[0].withheld());
        assertTrue(answer.events()[1].hasMatched());
        assertEquals(5, answer.events()[1].omitted());
    }

    @Test
    void anAnswerOfAnotherFormIsATypedFailure() {
        for (Map<String, Object> wrong : List.<Map<String, Object>>of(
            of("text"),
            of(Map.of("document", "first")),
            of(Map.of("document", 2)),
            of(Map.of("document", -1)),
            of(Map.of("document", 0, "enrichments", "text")),
            Map.of("documents", 7)
        )) {
            NativeException failure = assertThrows(
                NativeException.class,
                () -> Answer.read(wrong, 2)
            );
            assertEquals(NativeException.INTERNAL, failure.kind());
        }
    }
}

package org.threatsieve.core.processor.writing;

import java.util.List;
import java.util.Map;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.matcher.NativeException;
import org.threatsieve.core.processor.fields.FieldPath;

/**
 * The matcher's answer for a batch.
 *
 * @param generation the generation of the blacklist
 * @param events the answer for each event of the batch; {@code null} for most of them
 */
public record Answer(long generation, OfEvent[] events) {

    /**
     * The answer for one event.
     *
     * @param unchecked why a part of the event was not checked, or {@code null}; other parts may
     *     have matched
     * @param detail the same, for the log
     * @param enrichments elements of ECS {@code threat.enrichments}
     * @param confidence the publishers' confidence for each enrichment; {@code null} if unknown
     * @param withheld number of indicators that must not be shown
     * @param omitted number of further matches
     */
    public record OfEvent(
        @Nullable String unchecked,
        @Nullable String detail,
        List<Object> enrichments,
        List<Object> confidence,
        long withheld,
        long omitted
    ) {
        /** Returns whether an indicator matches. */
        public boolean hasMatched() {
            return enrichments.isEmpty() == false || withheld > 0 || omitted > 0;
        }
    }

    /**
     * Reads an answer.
     *
     * @param json the matcher's answer; {@code null} if nothing is to be written
     * @param count number of events in the batch
     */
    public static Answer read(@Nullable Map<String, Object> json, int count) {
        OfEvent[] events = new OfEvent[count];
        if (json == null) {
            return new Answer(0, events);
        }
        try {
            for (Object one : list(json, "documents")) {
                Map<String, Object> ofOne = FieldPath.asObject((Map<?, ?>) one);
                events[(int) number(ofOne, "document")] = ofEvent(ofOne);
            }
            return new Answer(number(json, "generation"), events);
        } catch (ClassCastException | IndexOutOfBoundsException e) {
            String message = "the library's answer cannot be read: " + e;
            throw new NativeException(NativeException.INTERNAL, message);
        }
    }

    private static OfEvent ofEvent(Map<String, Object> one) {
        return new OfEvent(
            (String) one.get("unchecked"),
            (String) one.get("detail"),
            list(one, "enrichments"),
            list(one, "confidence"),
            number(one, "withheld"),
            number(one, "omitted")
        );
    }

    private static long number(Map<String, Object> object, String name) {
        Object value = object.get(name);
        return value == null ? 0 : ((Number) value).longValue();
    }

    @SuppressWarnings("unchecked")
    private static List<Object> list(Map<String, Object> object, String name) {
        Object value = object.get(name);
        return value == null ? List.of() : (List<Object>) value;
    }
}

package org.threatsieve.opensearch.processor;

import java.io.IOException;
import java.util.List;
import java.util.Map;

import org.opensearch.common.xcontent.LoggingDeprecationHandler;
import org.opensearch.common.xcontent.json.JsonXContent;
import org.opensearch.core.xcontent.NamedXContentRegistry;
import org.opensearch.core.xcontent.XContentParser;
import org.threatsieve.opensearch.NativeException;

/**
 * What the matcher says of a batch.
 *
 * @param generation of the blacklist that was asked
 * @param said what there is to say, by the events' places in the batch; {@code null} for most
 */
record Answer(long generation, OfEvent[] said) {

    /**
     * What it says of one event.
     *
     * @param unchecked the kind of trouble, or {@code null}; something may have matched all the same
     * @param detail of the trouble, for the log
     * @param enrichments elements of ECS {@code threat.enrichments}
     * @param confidence the publishers' numbers, one for each enrichment, {@code null} where they say none
     * @param withheld indicators that must not be shown
     * @param omitted further matches
     */
    record OfEvent(
        String unchecked,
        String detail,
        List<Object> enrichments,
        List<Object> confidence,
        long withheld,
        long omitted
    ) {
        boolean hasMatched() {
            return enrichments.isEmpty() == false || withheld > 0 || omitted > 0;
        }
    }

    /**
     * Reads an answer.
     *
     * @param json as native code has it; {@code null} when there is nothing to say
     * @param events of the batch
     */
    static Answer read(byte[] json, int events) {
        OfEvent[] said = new OfEvent[events];
        if (json == null) {
            return new Answer(0, said);
        }
        try (
            XContentParser parser = JsonXContent.jsonXContent.createParser(
                NamedXContentRegistry.EMPTY,
                LoggingDeprecationHandler.INSTANCE,
                json
            )
        ) {
            Map<String, Object> answer = parser.map();
            for (Object one : list(answer, "documents")) {
                Map<String, Object> ofOne = FieldPath.asObject((Map<?, ?>) one);
                said[(int) number(ofOne, "document")] = ofEvent(ofOne);
            }
            return new Answer(number(answer, "generation"), said);
        } catch (IOException | RuntimeException e) {
            throw new NativeException("internal", "the library's answer cannot be read: " + e);
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

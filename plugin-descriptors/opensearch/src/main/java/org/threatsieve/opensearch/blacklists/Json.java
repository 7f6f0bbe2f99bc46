package org.threatsieve.opensearch.blacklists;

import java.util.Map;

import org.opensearch.common.xcontent.XContentHelper;
import org.opensearch.core.common.bytes.BytesArray;
import org.opensearch.core.xcontent.MediaTypeRegistry;

/** The library's answers. */
final class Json {
    private Json() {}

    static Map<String, Object> object(byte[] json) {
        return XContentHelper.convertToMap(new BytesArray(json), true, MediaTypeRegistry.JSON).v2();
    }

    /** A member's object, by name. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> object(Map<String, Object> parent, String member) {
        return (Map<String, Object>) parent.getOrDefault(member, Map.of());
    }

    static long number(Map<String, Object> parent, String member) {
        return ((Number) parent.get(member)).longValue();
    }
}

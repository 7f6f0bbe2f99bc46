package org.threatsieve.core.blacklists;

import java.util.Map;

/** Members of JSON objects that have been read. */
public final class Json {
    private Json() {}

    /** An object's member that is an object. Empty if it is missing. */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> object(Map<String, Object> parent, String member) {
        return (Map<String, Object>) parent.getOrDefault(member, Map.of());
    }

    /** An object's member that is a number. */
    public static long number(Map<String, Object> parent, String member) {
        return ((Number) parent.get(member)).longValue();
    }
}

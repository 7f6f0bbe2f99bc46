package org.threatsieve.opensearch.processor;

import java.util.HashMap;
import java.util.Map;

/** One field's dotted name. It stands for nested objects and for literal dots alike, mixed in any way. */
final class FieldPath {
    private static final int MAX_NAME_CHARS = 255;
    private static final int MAX_PARTS = 16;

    private final String name;
    private final int parts;
    /** {@code keys[from][to]}: the parts from {@code from} to before {@code to}, with their dots. */
    private final String[][] keys;

    /** Takes a name that {@link #fault} finds nothing wrong with. */
    FieldPath(String name) {
        this.name = name;
        String[] split = name.split("\\.");
        this.parts = split.length;
        this.keys = new String[parts][parts + 1];
        for (int from = 0; from < parts; from++) {
            for (int to = from + 1; to <= parts; to++) {
                keys[from][to] = to == from + 1 ? split[from] : keys[from][to - 1] + "." + split[to - 1];
            }
        }
    }

    /** What is wrong with a field's name, or {@code null}. */
    static String fault(String name) {
        if (name.isBlank() || name.startsWith(".") || name.endsWith(".") || name.contains("..")) {
            return "[" + name + "] is no field name: expected parts between single dots";
        }
        if (name.length() > MAX_NAME_CHARS || name.split("\\.").length > MAX_PARTS) {
            return "field name is too long, at most " + MAX_NAME_CHARS + " characters and " + MAX_PARTS + " parts are taken: [" + name + "]";
        }
        if (name.startsWith("_")) {
            return "[" + name + "] is the engine's own, expected a field of the event (arrays need no foreach)";
        }
        return null;
    }

    String name() {
        return name;
    }

    int parts() {
        return parts;
    }

    String key(int from, int to) {
        return keys[from][to];
    }

    /** Whether one of the two fields is the other, or stands inside it. */
    boolean overlaps(FieldPath other) {
        return (name + ".").startsWith(other.name + ".") || (other.name + ".").startsWith(name + ".");
    }

    /** The field's value; {@code null} when there is none. */
    Object get(Map<String, Object> event) {
        return find(event, 0, false);
    }

    /** Takes the value out, and the objects around it that have nothing else. */
    Object take(Map<String, Object> event) {
        return find(event, 0, true);
    }

    private Object find(Map<String, Object> object, int from, boolean remove) {
        String[] tails = keys[from];
        Object value = remove ? object.remove(tails[parts]) : object.get(tails[parts]);
        for (int to = from + 1; value == null && to < parts; to++) {
            if (object.get(tails[to]) instanceof Map<?, ?> inner) {
                value = find(asObject(inner), to, remove);
                if (remove && value != null && inner.isEmpty()) {
                    object.remove(tails[to]);
                }
            }
        }
        return value;
    }

    /**
     * Whether the field can be written as nested objects: nothing on the way is anything else than an object. An index cannot map a field
     * both as a value and as an object, so writing it nevertheless, with a literal dot, would lose the event.
     */
    boolean isOpen(Map<String, Object> event) {
        Object value = event;
        for (int part = 0; part < parts; part++) {
            if (value instanceof Map<?, ?> object) {
                value = object.get(keys[part][part + 1]);
            } else {
                return value == null;
            }
        }
        return true;
    }

    /** Writes the field as nested objects, in place of what stands there in any form. It must be open. */
    void set(Map<String, Object> event, Object value) {
        take(event);
        Map<String, Object> object = event;
        for (int part = 0; part < parts - 1; part++) {
            String key = keys[part][part + 1];
            if (object.get(key) instanceof Map<?, ?> inner) {
                object = asObject(inner);
            } else {
                Map<String, Object> made = new HashMap<>();
                object.put(key, made);
                object = made;
            }
        }
        object.put(keys[parts - 1][parts], value);
    }

    /** Objects of events have text as keys. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> asObject(Map<?, ?> object) {
        return (Map<String, Object>) object;
    }
}

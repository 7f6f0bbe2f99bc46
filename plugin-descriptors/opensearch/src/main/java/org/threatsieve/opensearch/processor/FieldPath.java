package org.threatsieve.opensearch.processor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

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

    /** The field's values, one for each form that it stands in; usually none or one. */
    List<Object> values(Map<String, Object> event) {
        List<Object> values = new ArrayList<>(1);
        collect(event, 0, values);
        return values;
    }

    private void collect(Map<String, Object> object, int from, List<Object> values) {
        String[] tails = keys[from];
        Object value = object.get(tails[parts]);
        if (value != null) {
            values.add(value);
        }
        for (int to = from + 1; to < parts; to++) {
            if (object.get(tails[to]) instanceof Map<?, ?> inner) {
                collect(asObject(inner), to, values);
            }
        }
    }

    /**
     * Changes the field's value in each form that it stands in. Where the change gives {@code null}, the
     * field is removed, and so are objects around it that hold nothing else.
     */
    void replace(Map<String, Object> event, UnaryOperator<Object> change) {
        replace(event, 0, change);
    }

    private void replace(Map<String, Object> object, int from, UnaryOperator<Object> change) {
        String[] tails = keys[from];
        Object value = object.get(tails[parts]);
        if (value != null) {
            put(object, tails[parts], change.apply(value), value);
        }
        for (int to = from + 1; to < parts; to++) {
            if (object.get(tails[to]) instanceof Map<?, ?> inner && inner.isEmpty() == false) {
                replace(asObject(inner), to, change);
                put(object, tails[to], inner.isEmpty() ? null : inner, inner);
            }
        }
    }

    private static void put(Map<String, Object> object, String key, Object value, Object before) {
        if (value == null) {
            object.remove(key);
        } else if (value != before) {
            object.put(key, value);
        }
    }

    /**
     * Whether the field can be written as nested objects: nothing on the way is anything but an object, and
     * nothing is inside the field by a name with dots ({@code "indicator.ip"}, for {@code indicator}). An
     * index cannot map a field both as a value and as an object, so writing it would lose the event.
     */
    boolean isOpen(Map<String, Object> event) {
        return isOpen(event, 0);
    }

    private boolean isOpen(Map<?, ?> object, int from) {
        String[] tails = keys[from];
        String inside = tails[parts] + ".";
        for (Map.Entry<?, ?> entry : object.entrySet()) {
            Object value = entry.getValue();
            if (value == null || entry.getKey() instanceof String == false) {
                continue;
            }
            String key = (String) entry.getKey();
            if (key.startsWith(inside)) {
                return false;
            }
            for (int to = from + 1; to < parts; to++) {
                boolean onTheWay = key.equals(tails[to]);
                if (onTheWay && (value instanceof Map<?, ?> inner && isOpen(inner, to)) == false) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Writes the field as nested objects, in place of every form that it stands in. It must be open. */
    void set(Map<String, Object> event, Object value) {
        replace(event, there -> null);
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

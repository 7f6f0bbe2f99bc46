package org.threatsieve.core.processor.fields;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

import org.threatsieve.core.Nullable;

/**
 * A field's dotted name. An event may spell it as nested objects, with literal dots, or with any
 * mix of both. One event may hold several spellings of a field.
 */
public final class FieldPath {
    private static final int MAX_NAME_CHARS = 255;
    private static final int MAX_PARTS = 16;

    private final String name;
    private final int parts;
    /** {@code keys[from][to]}: the parts {@code from} to {@code to - 1}, joined by dots. */
    private final String[][] keys;

    /** @param name a name in which {@link #fault} finds nothing wrong */
    public FieldPath(String name) {
        this.name = name;
        String[] split = name.split("\\.");
        this.parts = split.length;
        this.keys = new String[parts][parts + 1];
        for (int from = 0; from < parts; from++) {
            for (int to = from + 1; to <= parts; to++) {
                String last = split[to - 1];
                keys[from][to] = to == from + 1 ? last : keys[from][to - 1] + "." + last;
            }
        }
    }

    /** Returns what is wrong with a field's name, or {@code null} if nothing is. */
    @Nullable
    public static String fault(String name) {
        boolean emptyPart = name.startsWith(".") || name.endsWith(".") || name.contains("..");
        if (name.isBlank() || emptyPart) {
            return "[" + name + "] is not a field name: expected parts between single dots";
        }
        if (name.length() > MAX_NAME_CHARS || name.split("\\.").length > MAX_PARTS) {
            return "field name is too long, expected at most "
                + MAX_NAME_CHARS
                + " characters and "
                + MAX_PARTS
                + " parts: ["
                + name
                + "]";
        }
        if (name.startsWith("_")) {
            return "["
                + name
                + "] is one of the engine's own, expected a field of the event"
                + " (arrays need no foreach)";
        }
        return null;
    }

    public String name() {
        return name;
    }

    /** The number of parts between dots. */
    int parts() {
        return parts;
    }

    /** The parts {@code from} to {@code to - 1}, joined by dots. */
    String key(int from, int to) {
        return keys[from][to];
    }

    /** Returns whether the fields are the same, or one is inside the other. */
    public boolean overlaps(FieldPath other) {
        String outer = other.name + ".";
        String inner = name + ".";
        return inner.startsWith(outer) || outer.startsWith(inner);
    }

    /** The field's values, one for each spelling in the event. Usually there is none or one. */
    public List<Object> values(Map<String, Object> event) {
        List<Object> values = new ArrayList<>(1);
        collect(event, 0, values);
        return values;
    }

    private void collect(Map<String, Object> object, int from, List<Object> values) {
        String[] heads = keys[from];
        Object value = object.get(heads[parts]);
        if (value != null) {
            values.add(value);
        }
        for (int to = from + 1; to < parts; to++) {
            if (object.get(heads[to]) instanceof Map<?, ?> inner) {
                collect(asObject(inner), to, values);
            }
        }
    }

    /**
     * Changes the field's value in each spelling. If the change returns {@code null}, the field is
     * removed, together with the objects around it that become empty.
     */
    public void replace(Map<String, Object> event, UnaryOperator<Object> change) {
        replace(event, 0, change);
    }

    private void replace(Map<String, Object> object, int from, UnaryOperator<Object> change) {
        String[] heads = keys[from];
        Object value = object.get(heads[parts]);
        if (value != null) {
            put(object, heads[parts], change.apply(value), value);
        }
        for (int to = from + 1; to < parts; to++) {
            if (object.get(heads[to]) instanceof Map<?, ?> inner && inner.isEmpty() == false) {
                replace(asObject(inner), to, change);
                put(object, heads[to], inner.isEmpty() ? null : inner, inner);
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
     * Returns whether the field can be written as nested objects. It cannot if a value is in the
     * place of an object on the way, or if a dotted name is inside the field ({@code
     * "indicator.ip"} for {@code indicator}). An index cannot map a field both as a value and as an
     * object, and would reject the event.
     */
    public boolean isOpen(Map<String, Object> event) {
        return isOpen(event, 0);
    }

    private boolean isOpen(Map<?, ?> object, int from) {
        String[] heads = keys[from];
        String inside = heads[parts] + ".";
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
                boolean onTheWay = key.equals(heads[to]);
                if (onTheWay && (value instanceof Map<?, ?> inner && isOpen(inner, to)) == false) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Writes the field as nested objects, in place of every spelling. It must be open. */
    public void set(Map<String, Object> event, Object value) {
        replace(event, before -> null);
        Map<String, Object> object = event;
        for (int part = 0; part < parts - 1; part++) {
            String key = keys[part][part + 1];
            if (object.get(key) instanceof Map<?, ?> inner) {
                object = asObject(inner);
            } else {
                Map<String, Object> added = new HashMap<>();
                object.put(key, added);
                object = added;
            }
        }
        object.put(keys[parts - 1][parts], value);
    }

    /** Casts an object of an event. Its keys are strings. */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> asObject(Map<?, ?> object) {
        return (Map<String, Object>) object;
    }
}

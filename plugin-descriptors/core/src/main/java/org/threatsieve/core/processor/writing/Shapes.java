package org.threatsieve.core.processor.writing;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Decides whether an index without a mapping can map two values as one field. Such an index maps a
 * field by its first value, as an object or as a value of one type, and rejects events that do not
 * fit.
 */
final class Shapes {
    private enum Type {
        TEXT,
        /** A text that the index takes for a date. */
        DATE,
        /** A number or a truth value. */
        OTHER
    }

    /**
     * OpenSearch detects dates that start with a year and continue with the month, or end there.
     */
    private static final Pattern DATE_LIKE = Pattern.compile("\\d{4}([-/T].*)?");

    private final Set<String> objects = new HashSet<>();
    private final Map<String, Set<Type>> leaves = new HashMap<>();

    private Shapes(Object value) {
        add("", value);
    }

    /**
     * Returns whether one field can hold both values.
     *
     * @param first the value in the event, which the index maps first
     * @param added the value to add
     */
    static boolean mapTogether(Object first, Object added) {
        Shapes before = new Shapes(first);
        Shapes after = new Shapes(added);
        return before.leaves.keySet().stream().noneMatch(after.objects::contains)
            && after.leaves.keySet().stream().noneMatch(before.objects::contains)
            && before.leaves.entrySet()
                .stream()
                .allMatch(leaf -> takes(leaf.getValue(), after.leaves.get(leaf.getKey())));
    }

    private static boolean takes(Set<Type> first, Set<Type> added) {
        // With a text among the first values, the field is a text field, or the index rejects the
        // event whatever is added.
        return added == null
            || first.contains(Type.TEXT)
            || first.equals(Set.of(Type.DATE)) && added.equals(first);
    }

    private void add(String path, Object value) {
        if (value instanceof Map<?, ?> object) {
            objects.add(path);
            String prefix = path.isEmpty() ? "" : path + ".";
            object.forEach((key, inner) -> {
                String name = prefix + key;
                addOuterObjects(name, prefix.length());
                add(name, inner);
            });
        } else if (value instanceof List<?> elements) {
            elements.forEach(element -> add(path, element));
        } else if (value != null) {
            leaves.computeIfAbsent(path, name -> new HashSet<>()).add(typeOf(value));
        }
    }

    /**
     * Adds the objects that a dotted key is inside: {@code "a.b"} is inside an object {@code a}.
     */
    private void addOuterObjects(String name, int from) {
        for (int dot = name.indexOf('.', from); dot > 0; dot = name.indexOf('.', dot + 1)) {
            objects.add(name.substring(0, dot));
        }
    }

    private static Type typeOf(Object value) {
        if (value instanceof String text) {
            return DATE_LIKE.matcher(text).matches() ? Type.DATE : Type.TEXT;
        }
        return Type.OTHER;
    }
}

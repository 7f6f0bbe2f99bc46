package org.threatsieve.opensearch.processor;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Tells whether an index without a mapping could map two values as one field. It maps a field by the first
 * value that it sees, as an object or as a value of one type, and refuses events that do not fit.
 */
final class Shapes {
    private enum Type {
        TEXT,
        /** Text that the index takes for a date. */
        DATE,
        /** A number or a truth value. */
        OTHER
    }

    /** The formats of OpenSearch's date detection begin with a year, and go on with the month or end. */
    private static final Pattern DATE_LIKE = Pattern.compile("\\d{4}([-/T].*)?");

    private final Set<String> objects = new HashSet<>();
    private final Map<String, Set<Type>> leaves = new HashMap<>();

    private Shapes(Object value) {
        add("", value);
    }

    /** @param there what the event has, and what an index maps first */
    static boolean mapTogether(Object there, Object added) {
        Shapes first = new Shapes(there);
        Shapes second = new Shapes(added);
        return first.leaves.keySet().stream().noneMatch(second.objects::contains)
            && second.leaves.keySet().stream().noneMatch(first.objects::contains)
            && first.leaves.entrySet().stream().allMatch(leaf -> takes(leaf.getValue(), second.leaves.get(leaf.getKey())));
    }

    private static boolean takes(Set<Type> there, Set<Type> added) {
        // With a text among them, the field is one of text, or the event is refused whatever we add.
        return added == null || there.contains(Type.TEXT) || there.equals(Set.of(Type.DATE)) && added.equals(there);
    }

    private void add(String path, Object value) {
        if (value instanceof Map<?, ?> object) {
            objects.add(path);
            String prefix = path.isEmpty() ? "" : path + ".";
            object.forEach((key, inner) -> {
                String name = prefix + key;
                for (int dot = name.indexOf('.', prefix.length()); dot > 0; dot = name.indexOf('.', dot + 1)) {
                    objects.add(name.substring(0, dot));
                }
                add(name, inner);
            });
        } else if (value instanceof List<?> elements) {
            elements.forEach(element -> add(path, element));
        } else if (value != null) {
            leaves.computeIfAbsent(path, name -> new HashSet<>()).add(typeOf(value));
        }
    }

    private static Type typeOf(Object value) {
        if (value instanceof String text) {
            return DATE_LIKE.matcher(text).matches() ? Type.DATE : Type.TEXT;
        }
        return Type.OTHER;
    }
}

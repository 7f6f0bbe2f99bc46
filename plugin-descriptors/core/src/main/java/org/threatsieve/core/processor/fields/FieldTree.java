package org.threatsieve.core.processor.fields;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The fields that a processor reads, arranged as a tree that is walked along with an event.
 *
 * <p>A name is found in every spelling: {@code destination.nat.ip} is found in {@code
 * {"destination": {"nat.ip": ...}}} too. If a field or an object on the way is an array, each
 * element is read.
 */
public final class FieldTree {
    /** Receives values in the order of the fields; the values of one object come together. */
    public interface Visitor {
        /**
         * Receives one value.
         *
         * @param field the field's place in the list of names
         * @param kind the field's kind
         */
        void value(int field, Kind kind, String value);
    }

    /** A name, or the first parts of a name. */
    private static final class Node {
        final List<String> namesBelow = new ArrayList<>();
        final List<Node> nodesBelow = new ArrayList<>();
        /** {@link #namesBelow} and {@link #nodesBelow} as arrays, once the tree is complete. */
        String[] keys;
        Node[] below;
        /** The field that ends here, or -1. */
        int field = -1;
        Kind kind;

        void link(String key, Node node) {
            if (namesBelow.contains(key) == false) {
                namesBelow.add(key);
                nodesBelow.add(node);
            }
        }

        void complete() {
            keys = namesBelow.toArray(String[]::new);
            below = nodesBelow.toArray(Node[]::new);
        }
    }

    private final Node root = new Node();

    /** @param fields names in which {@link FieldPath#fault} finds nothing wrong */
    public FieldTree(List<String> fields) {
        Map<String, Node> nodes = new HashMap<>();
        for (int field = 0; field < fields.size(); field++) {
            FieldPath path = new FieldPath(fields.get(field));
            for (int from = 0; from < path.parts(); from++) {
                Node above = from == 0 ? root : nodes.get(path.key(0, from));
                for (int to = from + 1; to <= path.parts(); to++) {
                    Node below = nodes.computeIfAbsent(path.key(0, to), prefix -> new Node());
                    above.link(path.key(from, to), below);
                }
            }
            Node end = nodes.get(path.name());
            end.field = field;
            end.kind = EcsFields.kindOf(path.name());
        }
        root.complete();
        nodes.values().forEach(Node::complete);
    }

    /** Passes every value of the fields to the visitor. Numbers are passed as text. */
    public void walk(Map<String, Object> event, Visitor visitor) {
        walk(root, event, visitor);
    }

    private static void walk(Node node, Map<?, ?> object, Visitor visitor) {
        String[] keys = node.keys;
        for (int i = 0; i < keys.length; i++) {
            Object value = object.get(keys[i]);
            if (value != null) {
                visit(node.below[i], value, visitor);
            }
        }
    }

    private static void visit(Node node, Object value, Visitor visitor) {
        if (value instanceof String text) {
            if (node.field >= 0 && text.isEmpty() == false) {
                visitor.value(node.field, node.kind, text);
            }
        } else if (value instanceof Map<?, ?> object) {
            walk(node, object, visitor);
        } else if (value instanceof List<?> elements) {
            for (Object element : elements) {
                if (element != null) {
                    visit(node, element, visitor);
                }
            }
        } else if (value instanceof Number && node.field >= 0) {
            visitor.value(node.field, node.kind, value.toString());
        }
    }
}

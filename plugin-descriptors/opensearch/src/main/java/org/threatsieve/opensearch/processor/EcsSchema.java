package org.threatsieve.opensearch.processor;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/** The names that the Elastic Common Schema (ECS) defines, read from {@code ecs-fields.txt}. */
final class EcsSchema {
    private static final String FILE = "ecs-fields.txt";
    private static final String TOP = ".";
    private static final String FREE = "{}";

    /** Loaded when the first processor is made. */
    private static final EcsSchema SCHEMA = new EcsSchema();

    private final Set<String> fields = new HashSet<>();
    private final Set<String> objects = new HashSet<>();

    private EcsSchema() {
        try (
            InputStream file = EcsSchema.class.getResourceAsStream(FILE);
            BufferedReader lines = new BufferedReader(new InputStreamReader(file, StandardCharsets.UTF_8))
        ) {
            lines.lines().filter(line -> line.startsWith("#") == false).forEach(this::read);
        } catch (IOException e) {
            throw new UncheckedIOException("[" + FILE + "] of the plugin's jar cannot be read", e);
        }
    }

    private void read(String line) {
        String[] words = line.split(" ");
        String object = words[0].substring(0, words[0].length() - 1);
        String prefix = object.equals(TOP) ? "" : object + ".";
        for (int end = prefix.indexOf('.'); end > 0; end = prefix.indexOf('.', end + 1)) {
            objects.add(prefix.substring(0, end));
        }
        for (int i = 1; i < words.length; i++) {
            // An object whose keys are free may get further ones.
            boolean free = words[i].endsWith(FREE);
            String name = prefix + (free ? words[i].substring(0, words[i].length() - FREE.length()) : words[i]);
            (free ? objects : fields).add(name);
        }
    }

    /**
     * Why a field of our own cannot have that name, or {@code null} when it can: ECS has no such field,
     * no field that it is a part of, and no object of that name.
     */
    static String conflict(FieldPath field) {
        if (SCHEMA.objects.contains(field.name())) {
            return "which is an object of ECS";
        }
        for (int parts = 1; parts <= field.parts(); parts++) {
            String name = field.key(0, parts);
            if (SCHEMA.fields.contains(name)) {
                return parts == field.parts() ? "which is a field of ECS" : "which is inside the field [" + name + "] of ECS";
            }
        }
        return null;
    }
}

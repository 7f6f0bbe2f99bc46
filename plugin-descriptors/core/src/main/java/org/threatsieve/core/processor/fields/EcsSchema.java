package org.threatsieve.core.processor.fields;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

import org.threatsieve.core.Nullable;

/** The names that the Elastic Common Schema (ECS) defines, read from {@code ecs-fields.txt}. */
public final class EcsSchema {
    private static final String FILE = "ecs-fields.txt";
    /** The name of the outermost object in the file. */
    private static final String TOP = ".";
    /** Follows an object whose keys are free. */
    private static final String FREE = "{}";

    /** Loaded when the first processor is made. */
    private static final EcsSchema SCHEMA = new EcsSchema();

    private final Set<String> fields = new HashSet<>();
    private final Set<String> objects = new HashSet<>();

    private EcsSchema() {
        try (
            InputStream file = EcsSchema.class.getResourceAsStream(FILE);
            InputStreamReader text = new InputStreamReader(file, StandardCharsets.UTF_8);
            BufferedReader lines = new BufferedReader(text)
        ) {
            lines.lines().filter(line -> line.startsWith("#") == false).forEach(this::read);
        } catch (IOException e) {
            throw new UncheckedIOException("[" + FILE + "] in the plugin's jar cannot be read", e);
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
            String word = words[i];
            // An object with free keys is no conflict for a field inside it.
            if (word.endsWith(FREE)) {
                objects.add(prefix + word.substring(0, word.length() - FREE.length()));
            } else {
                fields.add(prefix + word);
            }
        }
    }

    /**
     * Returns why a field of our own cannot have this name, or {@code null} if it can. It cannot be
     * a field of ECS, be inside a field of ECS, or be an object of ECS.
     */
    @Nullable
    public static String conflict(FieldPath field) {
        if (SCHEMA.objects.contains(field.name())) {
            return "which is an object of ECS";
        }
        if (SCHEMA.fields.contains(field.name())) {
            return "which is a field of ECS";
        }
        for (int parts = 1; parts < field.parts(); parts++) {
            String outer = field.key(0, parts);
            if (SCHEMA.fields.contains(outer)) {
                return "which is inside the field [" + outer + "] of ECS";
            }
        }
        return null;
    }
}

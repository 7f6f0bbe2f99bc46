package org.threatsieve.core.processor.options;

import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/**
 * An option of the processor, of the query, or of both. To the processor, the engine adds {@code
 * if}, {@code tag}, {@code description}, {@code ignore_failure} and {@code on_failure}.
 */
public enum Option {
    FIELDS,
    MESSAGE_FIELD,
    MESSAGE_FORMAT,
    BLACKLIST,
    MIN_CONFIDENCE,
    MAX_TLP,
    PARTIAL,
    MAX_MATCHES,
    FLAG_FIELD,
    FLAG_VALUE,
    TARGET_FIELD,
    STAMP,
    ON_UNAVAILABLE,
    PARTS,
    TIME_FIELD;

    /** The options of the query. */
    public static final Set<Option> QUERY = Collections.unmodifiableSet(
        EnumSet.of(FIELDS, BLACKLIST, MIN_CONFIDENCE, MAX_TLP, PARTIAL, PARTS, TIME_FIELD)
    );

    /** The options of the processor. */
    public static final Set<Option> PROCESSOR = Collections.unmodifiableSet(
        EnumSet.complementOf(EnumSet.of(PARTS, TIME_FIELD))
    );

    /** The option's name in pipelines and queries. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The option of these whose name takes the fewest changes. */
    static Option nearest(Collection<Option> among, String key) {
        Comparator<Option> order = Comparator.comparingInt(each -> distance(each.key(), key));
        return among.stream().min(order).orElseThrow();
    }

    /** The Levenshtein distance: letters to insert, remove or replace. */
    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        Arrays.setAll(row, i -> i);
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
            }
        }
        return row[b.length()];
    }
}

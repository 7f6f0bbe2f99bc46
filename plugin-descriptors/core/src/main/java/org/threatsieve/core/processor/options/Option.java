package org.threatsieve.core.processor.options;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;

/**
 * An option of the processor. The engine adds {@code if}, {@code tag}, {@code description},
 * {@code ignore_failure} and {@code on_failure}.
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
    ON_UNAVAILABLE;

    /** The option's name in pipelines. */
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The option whose name takes the fewest changes. */
    static Option nearest(String key) {
        Comparator<Option> order = Comparator.comparingInt(each -> distance(each.key(), key));
        return Arrays.stream(values()).min(order).orElseThrow();
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

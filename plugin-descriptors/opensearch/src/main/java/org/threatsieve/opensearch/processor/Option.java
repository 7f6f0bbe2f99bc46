package org.threatsieve.opensearch.processor;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Locale;

/** The processor's own options; the server adds {@code if}, {@code tag}, {@code description}, {@code ignore_failure} and {@code on_failure}. */
enum Option {
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

    /** As it is written in a pipeline. */
    String key() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The option whose name takes the fewest changes. */
    static Option nearest(String key) {
        return Arrays.stream(values()).min(Comparator.comparingInt(option -> distance(option.key(), key))).orElseThrow();
    }

    /** Letters to insert, remove or replace (Levenshtein). */
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

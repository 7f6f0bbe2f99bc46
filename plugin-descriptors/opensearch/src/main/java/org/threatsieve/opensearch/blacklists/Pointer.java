package org.threatsieve.opensearch.blacklists;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names one content of a blacklist. As text {@code GENERATION:DIGEST}.
 *
 * @param generation its number
 * @param digest 64 lower-case hexadecimal digits. A signature does not change it.
 */
record Pointer(long generation, String digest) {
    private static final Pattern DIGEST = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern TEXT = Pattern.compile("(0|[1-9][0-9]{0,18}):(" + DIGEST + ")");

    static Pointer parse(String text) {
        Matcher parts = TEXT.matcher(text);
        if (parts.matches() == false) {
            throw new IllegalArgumentException("expected GENERATION:DIGEST, a number and 64 of 0-9 and a-f, got [" + text + "]");
        }
        return new Pointer(Long.parseLong(parts.group(1)), parts.group(2));
    }

    static boolean isDigest(String text) {
        return DIGEST.matcher(text).matches();
    }

    @Override
    public String toString() {
        return generation + ":" + digest;
    }
}

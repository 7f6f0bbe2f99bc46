package org.threatsieve.core.blacklists;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The identity of a blacklist's content. As text it is {@code GENERATION:DIGEST}.
 *
 * @param generation the blacklist's generation
 * @param digest 64 lower-case hexadecimal digits; a signature does not change it
 */
public record Pointer(long generation, String digest) {
    private static final Pattern DIGEST = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern TEXT = Pattern.compile("(0|[1-9][0-9]{0,18}):(" + DIGEST + ")");

    /** @throws IllegalArgumentException if the text is not {@code GENERATION:DIGEST} */
    public static Pointer parse(String text) {
        Matcher parts = TEXT.matcher(text);
        if (parts.matches() == false) {
            throw new IllegalArgumentException(
                "expected GENERATION:DIGEST, a number and 64 of 0-9 and a-f, got [" + text + "]"
            );
        }
        return new Pointer(Long.parseLong(parts.group(1)), parts.group(2));
    }

    public static boolean isDigest(String text) {
        return DIGEST.matcher(text).matches();
    }

    @Override
    public String toString() {
        return generation + ":" + digest;
    }
}

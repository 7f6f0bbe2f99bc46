package org.threatsieve.core.blacklists;

import java.util.regex.Pattern;

/** The rules for a blacklist's name. */
public final class BlacklistName {
    /** A description of a valid name, for messages. */
    public static final String EXPECTED = "1 to 64 of a-z, 0-9, - and _";

    /**
     * The beginning of the names of temporary blacklists. The controller pushes one with only its
     * new entries, to search stored events for them. No history of these is kept, and no processor
     * may name one.
     */
    public static final String TEMPORARY = "_new-";

    private static final Pattern VALID = Pattern.compile("[a-z0-9_-]{1,64}");

    private BlacklistName() {}

    public static boolean isValid(String name) {
        return VALID.matcher(name).matches();
    }

    public static boolean isTemporary(String name) {
        return name.startsWith(TEMPORARY);
    }

    /**
     * Returns the name if it is valid.
     *
     * @throws Refused of kind {@code name} if it is not
     */
    public static String require(String name) {
        if (isValid(name)) {
            return name;
        }
        String reason = "expected a blacklist's name, " + EXPECTED + ", got [" + name + "]";
        throw Refused.input("name", reason);
    }
}

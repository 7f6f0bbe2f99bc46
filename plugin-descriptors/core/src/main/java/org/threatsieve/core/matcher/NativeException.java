package org.threatsieve.core.matcher;

/** A failure of the native library. Nothing has changed when it is thrown. */
public final class NativeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The kind when the library could not be loaded. The message says why. */
    public static final String UNAVAILABLE = "unavailable";

    /** The kind when this plugin or the library has a fault. */
    public static final String INTERNAL = "internal";

    /** The kind when the blacklist was replaced between two calls. Try again. */
    public static final String SWITCHED = "switched";

    /** The kind when no blacklist of that name is loaded. */
    public static final String NO_BLACKLIST = "no-blacklist";

    private final String kind;

    /** Called by native code too. */
    public NativeException(String kind, String message) {
        super(message);
        this.kind = kind;
    }

    /**
     * The kind of failure. The library has: no-blacklist, damaged, signature, name, budget,
     * deadline, trap, memory, io, limit, options, switched, panic, internal. {@link #UNAVAILABLE}
     * comes from Java.
     */
    public String kind() {
        return kind;
    }
}

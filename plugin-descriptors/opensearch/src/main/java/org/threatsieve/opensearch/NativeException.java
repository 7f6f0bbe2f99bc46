package org.threatsieve.opensearch;

/** What native code answers instead of a result. Nothing has changed when it is thrown. */
public final class NativeException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** There is no library to ask: it could not be loaded when the node started. The message says why. */
    public static final String UNAVAILABLE = "unavailable";

    private final String kind;

    /** Called from native code, too. */
    public NativeException(String kind, String message) {
        super(message);
        this.kind = kind;
    }

    /**
     * The kind of error, one of: no-blacklist, damaged, signature, name, budget, deadline, trap, memory, io, limit, options, panic, internal (all
     * from the library); unavailable (the library itself).
     */
    public String kind() {
        return kind;
    }
}

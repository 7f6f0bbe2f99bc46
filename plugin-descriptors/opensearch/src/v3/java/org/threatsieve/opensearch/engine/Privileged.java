package org.threatsieve.opensearch.engine;

import java.util.function.Supplier;

import org.opensearch.secure_sm.AccessController;

/** Runs code with the permissions of this plugin and the engine, not those of the caller. */
public final class Privileged {
    private Privileged() {}

    /** Tells the Java agent of 3.x to look at no caller before this one. */
    public static <T> T call(Supplier<T> action) {
        return AccessController.doPrivileged(action);
    }
}

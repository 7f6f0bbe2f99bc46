package org.threatsieve.opensearch.engine;

import java.security.AccessController;
import java.security.PrivilegedAction;
import java.util.function.Supplier;

/** Runs code with the permissions of this plugin and the engine, not those of the caller. */
public final class Privileged {
    private Privileged() {}

    /** Tells the security manager of 2.x to look at no caller before this one. */
    @SuppressWarnings("removal")
    public static <T> T call(Supplier<T> action) {
        return AccessController.doPrivileged((PrivilegedAction<T>) action::get);
    }
}

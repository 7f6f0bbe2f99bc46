package org.threatsieve.opensearch.engine;

import java.util.function.Supplier;

import org.opensearch.secure_sm.AccessController;

/** Runs code with the permissions of this plugin and the server alone, whoever called. */
public final class Privileged {
    private Privileged() {}

    /** The Java agent of 3.x, which looks at the callers up to here. */
    public static <T> T call(Supplier<T> action) {
        return AccessController.doPrivileged(action);
    }
}

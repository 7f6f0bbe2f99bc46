package org.threatsieve.core.blacklists.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.function.Executable;
import org.threatsieve.core.blacklists.Refused;

/** Checks of refusals. */
final class Refusals {
    private Refusals() {}

    /** Makes a call that must be refused with this status and kind. Returns the reason. */
    static String refused(int status, String kind, Executable call) {
        Refused refused = assertThrows(Refused.class, call);
        assertEquals(
            status + " " + kind,
            refused.status().code() + " " + refused.kind(),
            refused.getMessage()
        );
        return refused.getMessage();
    }
}

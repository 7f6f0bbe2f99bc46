package org.threatsieve.core.blacklists.publish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.at;
import static org.threatsieve.core.blacklists.Manifests.history;
import static org.threatsieve.core.blacklists.Manifests.pointer;
import static org.threatsieve.core.blacklists.Manifests.pushed;
import static org.threatsieve.core.blacklists.publish.Refusals.refused;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.blacklists.History;
import org.threatsieve.core.blacklists.Inspection;

class AdmissionTest {
    /** A history whose generation 5 is served, with 100 entries. */
    private final History history = history(pushed(4), pushed(5));

    private static Inspection file(long generation, long entries) {
        return new Inspection("office", pointer(generation), false, 1000, entries, 2000);
    }

    private void check(Inspection file, boolean allowShrink, double maxShrink) {
        Admission.checkSuccession(file, pointer(5), history, allowShrink, maxShrink);
    }

    @Test
    void theFileMustBeTheOneThatWasAnnounced() {
        Inspection file = file(6, 100);
        Admission.checkFile("office", file, null, 2000);
        Admission.checkFile("office", file, pointer(6).digest(), 2000);
        refused(400, "name", () -> Admission.checkFile("home", file, null, 2000));
        String other = pointer(7).digest();
        refused(400, "damaged", () -> Admission.checkFile("office", file, other, 2000));
    }

    @Test
    void theFileMustFitTheMemoryLimit() {
        assertEquals(
            "a blacklist of 1,000 bytes needs 2,000 bytes of memory, and [threatsieve.memory_limit]"
                + " is 1,999: raise it in the configuration file of all ingest nodes",
            refused(400, "budget", () -> Admission.checkFile("office", file(6, 1), null, 1999))
        );
    }

    @Test
    void onlyAHigherGenerationMayFollow() {
        check(file(6, 100), false, 0.5);
        for (long generation : new long[] { 4, 5 }) {
            String reason = refused(
                409,
                "older",
                () -> check(file(generation, 100), true, 0.5)
            );
            assertTrue(reason.contains("generation 5:"), reason);
        }
    }

    @Test
    void aGenerationThatWasRolledBackDoesNotComeBack() {
        History back = history(pushed(4), pushed(5)).rolledBack(pointer(5), pointer(4), at(9));
        for (long generation : new long[] { 4, 5 }) {
            refused(
                409,
                "older",
                () -> Admission.checkSuccession(
                    file(generation, 100),
                    pointer(4),
                    back,
                    true,
                    0.5
                )
            );
        }
        Admission.checkSuccession(file(6, 100), pointer(4), back, false, 0.5);
        // After a deletion, any generation may come.
        Admission.checkSuccession(file(1, 100), null, back.deleted(at(10)), false, 0.5);
    }

    @Test
    void aLossOfManyEntriesMustBeAllowed() {
        check(file(6, 50), false, 0.5);
        String reason = refused(409, "shrunk", () -> check(file(6, 49), false, 0.5));
        assertEquals(
            "generation 6 has 49 entries, and the one served has 100: a loss of more than 0.5"
                + " (threatsieve.max_shrink); allow_shrink=true accepts it",
            reason
        );
        check(file(6, 49), true, 0.5);
        check(file(6, 1), false, 1);
        refused(409, "shrunk", () -> check(file(6, 99), false, 0));
    }

    @Test
    void anEmptyBlacklistMustBeAllowed() {
        for (double maxShrink : new double[] { 0.5, 1 }) {
            refused(409, "empty", () -> check(file(6, 0), false, maxShrink));
        }
        check(file(6, 0), true, 0.5);
    }

    @Test
    void withoutTheServedContentNothingIsCompared() {
        History lost = history(pushed(5)).trimmed(null, pointer(6), 0);
        Admission.checkSuccession(file(6, 1), pointer(5), lost, false, 0.5);
        Admission.checkSuccession(file(1, 1), null, History.none("office"), false, 0.5);
    }
}

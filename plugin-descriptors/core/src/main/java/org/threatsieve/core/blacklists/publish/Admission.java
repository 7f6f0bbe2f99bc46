package org.threatsieve.core.blacklists.publish;

import java.util.Locale;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.History;
import org.threatsieve.core.blacklists.Inspection;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.Refused;

/** Decides whether a verified blacklist may replace the one that is served. */
final class Admission {
    private static final String ALLOW_SHRINK = "; allow_shrink=true accepts it";

    private Admission() {}

    /** Checks the file alone, whatever is served. */
    static void checkFile(
        String name,
        Inspection file,
        @Nullable String digest,
        long memoryLimitBytes
    ) {
        if (file.name().equals(name) == false) {
            String reason = "the file is the blacklist ["
                + file.name()
                + "], and was pushed as ["
                + name
                + "]";
            throw Refused.input("name", reason);
        }
        String got = file.pointer().digest();
        if (digest != null && digest.equals(got) == false) {
            String reason = "expected the digest "
                + digest
                + ", got "
                + got
                + ": it is another file";
            throw Refused.input("damaged", reason);
        }
        if (file.needsBytes() > memoryLimitBytes) {
            throw budget(file.bytes(), file.needsBytes(), memoryLimitBytes);
        }
    }

    /**
     * The refusal of a file that needs too much memory.
     *
     * @param bytes bytes of the file
     * @param neededBytes memory to load it
     */
    static Refused budget(long bytes, long neededBytes, long limitBytes) {
        String reason = String.format(
            Locale.ROOT,
            "a blacklist of %,d bytes needs %,d bytes of memory, and [threatsieve.memory_limit] is"
                + " %,d: raise it in the configuration file of all ingest nodes",
            bytes,
            neededBytes,
            limitBytes
        );
        return Refused.input("budget", reason);
    }

    /**
     * Compares the file of a temporary blacklist with what is served. The same generation may come
     * again with other entries, and any number of entries may go.
     */
    static void checkTemporary(Inspection file, @Nullable Pointer current) {
        long generation = file.pointer().generation();
        if (current != null && generation < current.generation()) {
            String reason = "expected generation "
                + current.generation()
                + " or a higher one, because it is served; got "
                + generation
                + ": to go back, delete the temporary blacklist first";
            throw Refused.conflict("older", reason);
        }
    }

    /**
     * Compares the file with what is served and what was served.
     *
     * @param allowShrink whether the blacklist may lose any number of entries
     * @param maxShrink the share of its entries that it may lose otherwise, 0 to 1
     */
    static void checkSuccession(
        Inspection file,
        @Nullable Pointer current,
        History history,
        boolean allowShrink,
        double maxShrink
    ) {
        long generation = file.pointer().generation();
        if (current != null && generation <= current.generation()) {
            throw older(generation, "generation " + current + " is served");
        }
        Manifest withdrawn = history.newestWithdrawn();
        if (withdrawn != null && generation <= withdrawn.pointer().generation()) {
            String why = "generation "
                + withdrawn.pointer().generation()
                + " was rolled back at "
                + withdrawn.withdrawn().at();
            throw older(generation, why);
        }
        if (allowShrink) {
            return;
        }
        if (file.entries() == 0) {
            String reason = "generation " + generation + " has no entries" + ALLOW_SHRINK;
            throw Refused.conflict("empty", reason);
        }
        Manifest served = history.find(current);
        if (served != null && file.entries() < served.entries() * (1 - maxShrink)) {
            String reason = String.format(
                Locale.ROOT,
                "generation %d has %,d entries, and the one served has %,d: a loss of more than %s"
                    + " (threatsieve.max_shrink)",
                generation,
                file.entries(),
                served.entries(),
                maxShrink
            );
            throw Refused.conflict("shrunk", reason + ALLOW_SHRINK);
        }
    }

    private static Refused older(long generation, String why) {
        String reason = "expected a higher generation than "
            + generation
            + ", because "
            + why
            + "; to go back, use _rollback";
        return Refused.conflict("older", reason);
    }
}

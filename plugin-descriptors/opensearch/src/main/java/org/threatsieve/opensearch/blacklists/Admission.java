package org.threatsieve.opensearch.blacklists;

import java.util.Locale;

import org.opensearch.common.Nullable;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;

/** Whether a verified blacklist may follow the one that is served. */
final class Admission {
    /** The share of its entries by which a blacklist may shrink in one push; more is refused unless the push allows it. */
    static final Setting<Double> MAX_SHRINK = Setting.doubleSetting("threatsieve.max_shrink", 0.5, 0, 1, Property.Dynamic, Property.NodeScope);

    private Admission() {}

    /** Of the file itself, whatever is served. */
    static void checkFile(String name, Inspection file, @Nullable String digest, long memoryLimitBytes) {
        if (file.name().equals(name) == false) {
            throw ThreatsieveRefused.input("name", "the file is the blacklist [" + file.name() + "], and was pushed as [" + name + "]");
        }
        if (digest != null && digest.equals(file.pointer().digest()) == false) {
            throw ThreatsieveRefused.input("damaged", "expected the digest " + digest + ", got " + file.pointer().digest() + ": it is another file");
        }
        if (file.needsBytes() > memoryLimitBytes) {
            throw budget(file.bytes(), file.needsBytes(), memoryLimitBytes);
        }
    }

    /** @param neededBytes to load it */
    static ThreatsieveRefused budget(long bytes, long neededBytes, long limitBytes) {
        return ThreatsieveRefused.input(
            "budget",
            String.format(
                Locale.ROOT,
                "a blacklist of %,d bytes needs %,d bytes of memory, and [threatsieve.memory_limit] is %,d: raise it in opensearch.yml of all ingest nodes",
                bytes,
                neededBytes,
                limitBytes
            )
        );
    }

    /** Of the file beside what is served and was served. */
    static void checkSuccession(Inspection file, @Nullable Pointer current, History history, boolean allowShrink, double maxShrink) {
        long generation = file.pointer().generation();
        if (current != null && generation <= current.generation()) {
            throw older(generation, "generation " + current + " is served");
        }
        Manifest withdrawn = history.newestWithdrawn();
        if (withdrawn != null && generation <= withdrawn.pointer().generation()) {
            throw older(generation, "generation " + withdrawn.pointer().generation() + " was rolled back at " + withdrawn.withdrawn().at());
        }
        if (allowShrink) {
            return;
        }
        if (file.entries() == 0) {
            throw ThreatsieveRefused.conflict("empty", "generation " + generation + " has no entries; with allow_shrink=true it is taken all the same");
        }
        Manifest served = history.find(current);
        if (served != null && file.entries() < served.entries() * (1 - maxShrink)) {
            throw ThreatsieveRefused.conflict(
                "shrunk",
                String.format(
                    Locale.ROOT,
                    "generation %d has %,d entries, and the one served has %,d: a loss of more than %s (threatsieve.max_shrink); with allow_shrink=true it is taken all the same",
                    generation,
                    file.entries(),
                    served.entries(),
                    maxShrink
                )
            );
        }
    }

    private static ThreatsieveRefused older(long generation, String why) {
        return ThreatsieveRefused.conflict("older", "expected a newer one than generation " + generation + ", since " + why + "; to go back, use _rollback");
    }
}

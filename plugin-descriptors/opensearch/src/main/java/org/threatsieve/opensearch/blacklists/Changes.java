package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.ExceptionsHelper;
import org.opensearch.common.Nullable;
import org.opensearch.transport.ActionNotFoundTransportException;

/** Changes histories and pointers, each in one step that fails when others were faster. */
final class Changes {
    private static final Logger logger = LogManager.getLogger(Changes.class);

    /** How often a decision is taken again that others overtook. */
    static final int ATTEMPTS = 20;

    /** Longest wait before the second attempt, in milliseconds; it doubles with each further one. */
    private static final long PAUSE_MILLIS = 10;

    /** How often the wait doubles. */
    private static final int DOUBLINGS = 6;

    private final BlacklistIndex index;
    private final Store store;

    Changes(BlacklistIndex index, Store store) {
        this.index = index;
        this.store = store;
    }

    /** @param found the pointer that was there; when nothing was done, the decision is to be taken again on it */
    record Outcome(boolean done, @Nullable Pointer found) {}

    /**
     * Writes down what is about to happen, and then has it happen: what cannot be written down is not done. When others were faster, nothing is done,
     * and the history is as it was.
     */
    Outcome change(String name, Pointer expected, @Nullable Pointer wanted, History before, History after) throws IOException {
        History written = before.equals(after) ? before : store.write(after);
        if (written == null) {
            return new Outcome(false, pointer(name));
        }
        Pointer found = exchange(name, expected, wanted);
        boolean done = Objects.equals(found, expected);
        if (done == false && written != before && store.write(written.takenBackTo(before)) == null) {
            logger.warn("the history of [{}] tells of a change that another one overtook", name);
        }
        return new Outcome(done, found);
    }

    interface Change {
        History of(History stored);
    }

    /** Removes contents of which the history says that they are not wanted any more. A failure costs room, until the next push. */
    void tidy(String name, Change change) {
        try {
            record(name, change);
        } catch (IOException | RuntimeException e) {
            logger.warn("older generations of [{}] stay in the index for now: {}", name, e.toString());
        }
    }

    /** Writes down what has happened already. */
    void record(String name, Change change) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            pause(name, attempt);
            History history = store.history(name);
            History next = change.of(history);
            if (next.manifests().equals(history.manifests())) {
                return;
            }
            if (store.write(next) != null) {
                removeContents(history, next);
                return;
            }
        }
        throw contended(name);
    }

    Pointer pointer(String name) {
        return Pointers.of(index.state()).get(name);
    }

    /** Returns what was there. It is exchanged if it is the expected one. */
    Pointer exchange(String name, @Nullable Pointer expected, @Nullable Pointer wanted) {
        try {
            return index.execute(SetPointerAction.INSTANCE, new SetPointerAction.Request(name, expected, wanted)).found;
        } catch (RuntimeException e) {
            if (ExceptionsHelper.unwrap(e, ActionNotFoundTransportException.class) != null) {
                throw ThreatsieveRefused.unable("plugin", "the cluster manager does not have the plugin: install it on all nodes that may be elected");
            }
            throw e;
        }
    }

    /** Waits before an attempt that is not the first, for a random time: those who change a name at the same time do not meet again. */
    static void pause(String name, int attempt) {
        if (attempt == 0) {
            return;
        }
        try {
            Thread.sleep(ThreadLocalRandom.current().nextLong(PAUSE_MILLIS << Math.min(attempt, DOUBLINGS)));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw contended(name);
        }
    }

    static ThreatsieveRefused contended(String name) {
        return ThreatsieveRefused.conflict("contended", "others change the blacklist [" + name + "] at the same time: try again");
    }

    /** Removes contents that the history named before and does not any more. */
    void removeContents(History before, History after) {
        Set<String> named = after.contents();
        before.manifests().stream().filter(manifest -> manifest.kept() && named.contains(manifest.content()) == false).forEach(manifest -> remove(before.name(), manifest));
    }

    /** A failure costs room, until the parts are found as orphans. */
    void remove(String name, Manifest manifest) {
        try {
            store.removeContent(manifest.content(), manifest.parts());
        } catch (RuntimeException e) {
            logger.warn("generation {} of [{}] is not wanted any more, and stays in the index for now: {}", manifest.pointer().generation(), name, e.toString());
        }
    }
}

package org.threatsieve.core.blacklists.publish;

import java.io.IOException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.UnaryOperator;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.History;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.store.Store;

/** Changes histories and pointers. Each step fails if somebody else was faster. */
final class Changes {
    private static final Logger logger = LogManager.getLogger(Changes.class);

    /** The most attempts at a change that others overtake. */
    static final int ATTEMPTS = 20;

    /** The longest pause before the second attempt. It doubles with each further one. */
    private static final long PAUSE_MILLIS = 10;

    /** The number of times that the pause doubles. */
    private static final int DOUBLINGS = 6;

    /** Sleeps, like {@link Thread#sleep}. */
    interface Sleeper {
        void sleep(long millis) throws InterruptedException;
    }

    private final Pointers pointers;
    private final Store store;
    private final Sleeper sleeper;

    Changes(Pointers pointers, Store store, Sleeper sleeper) {
        this.pointers = pointers;
        this.store = store;
        this.sleeper = sleeper;
    }

    /**
     * The outcome of a change.
     *
     * @param done whether the change was made
     * @param found the pointer before the change; if nothing was done, decide again on it
     */
    record Outcome(boolean done, @Nullable Pointer found) {}

    /**
     * Writes a change into the history and then makes it. What cannot be written is not done. If
     * somebody else was faster, nothing is done, and the history is as before.
     */
    Outcome change(
        String name,
        Pointer expected,
        @Nullable Pointer wanted,
        History before,
        History after
    ) throws IOException {
        History written = before.equals(after) ? before : store.write(after);
        if (written == null) {
            return new Outcome(false, pointer(name));
        }
        Pointer found = pointers.exchange(name, expected, wanted);
        boolean done = Objects.equals(found, expected);
        boolean mustRestore = done == false && written != before;
        if (mustRestore && store.write(written.restoredTo(before)) == null) {
            logger.warn(
                "the history of blacklist [{}] shows a change that was not made: another one was"
                    + " faster",
                name
            );
        }
        return new Outcome(done, found);
    }

    /**
     * Removes contents that the changed history does not name. A failure is logged: the contents
     * stay in the index until the next push.
     */
    void removeUnneeded(String name, UnaryOperator<History> change) {
        try {
            record(name, change);
        } catch (IOException | RuntimeException e) {
            logger.warn(
                "older generations of blacklist [{}] stay in the index for now: {}",
                name,
                e.toString()
            );
        }
    }

    /** Writes something into the history that has happened already. */
    void record(String name, UnaryOperator<History> change) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            pause(name, attempt);
            History history = store.history(name);
            History next = change.apply(history);
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

    /**
     * Removes the history of a blacklist that was deleted. A failure is logged: {@link Sweep}
     * removes it later.
     */
    void forget(String name) {
        try {
            History history = store.history(name);
            if (history.version() != null && history.isDeleted()) {
                store.remove(history);
            }
        } catch (RuntimeException e) {
            logger.warn(
                "the history of blacklist [{}], which was deleted, stays in the index for now: {}",
                name,
                e.toString()
            );
        }
    }

    /** Returns a blacklist's pointer, or {@code null} if there is none. */
    @Nullable
    Pointer pointer(String name) {
        return pointers.recovered().get(name);
    }

    /**
     * Waits before every attempt but the first, for a random time, so that rivals do not collide.
     */
    void pause(String name, int attempt) {
        if (attempt == 0) {
            return;
        }
        long longest = PAUSE_MILLIS << Math.min(attempt, DOUBLINGS);
        try {
            sleeper.sleep(ThreadLocalRandom.current().nextLong(longest));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw contended(name);
        }
    }

    static Refused contended(String name) {
        String reason = "others change the blacklist [" + name + "] at the same time: try again";
        return Refused.conflict("contended", reason);
    }

    /** Removes contents that the history named before and does not name now. */
    void removeContents(History before, History after) {
        Set<String> named = after.contents();
        before.manifests()
            .stream()
            .filter(each -> each.kept() && named.contains(each.content()) == false)
            .forEach(each -> remove(before.name(), each));
    }

    /** Removes a content. A failure is logged: {@link Sweep} finds the parts later. */
    void remove(String name, Manifest manifest) {
        try {
            store.removeContent(manifest.content(), manifest.parts());
        } catch (RuntimeException e) {
            logger.warn(
                "generation {} of blacklist [{}] is no longer needed, but stays in the index for"
                    + " now: {}",
                manifest.pointer().generation(),
                name,
                e.toString()
            );
        }
    }
}

package org.threatsieve.opensearch.query;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/** Walks under way. The panels of a dashboard search for the same at the same time. */
final class Walks {
    private record Place(Object owner, MatchKey key) {}

    private final ConcurrentMap<Place, ReentrantLock> locks = new ConcurrentHashMap<>();

    /** Returns the lock of one walk. */
    Turn turn(Object owner, MatchKey key) {
        Place place = new Place(owner, key);
        return new Turn(place, locks.computeIfAbsent(place, each -> new ReentrantLock()));
    }

    /** A search's turn at one walk. */
    final class Turn implements AutoCloseable {
        private final Place place;
        private final ReentrantLock lock;
        private boolean held;

        private Turn(Place place, ReentrantLock lock) {
            this.place = place;
            this.lock = lock;
        }

        /** Waits for the turn, for a while. Returns false if it has not come. */
        boolean await(long millis) {
            try {
                held = lock.tryLock(millis, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                // The search goes on without waiting, and ends where the engine checks for it.
                return true;
            }
            return held;
        }

        /** Ends the turn. A search that comes between finds what was kept, or walks as well. */
        @Override
        public void close() {
            if (held) {
                if (lock.hasQueuedThreads() == false) {
                    locks.remove(place, lock);
                }
                lock.unlock();
            }
        }
    }
}

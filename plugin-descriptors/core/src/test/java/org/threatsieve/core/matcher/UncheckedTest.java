package org.threatsieve.core.matcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

import org.junit.jupiter.api.Test;

class UncheckedTest {
    private final AtomicLong minutes = new AtomicLong();
    private final Unchecked unchecked = new Unchecked(
        () -> TimeUnit.MINUTES.toNanos(minutes.get())
    );

    @Test
    void eventsAreCountedByBlacklistAndKind() {
        unchecked.add("a", "deadline", "slow", 3);
        unchecked.add("a", "trap", "broken", 1);
        unchecked.add("a", "deadline", "slow", 2);
        unchecked.add("b", "deadline", "slow", 7);
        assertEquals(Map.of("deadline", 5L, "trap", 1L), unchecked.of("a"));
        assertEquals(Map.of("deadline", 7L), unchecked.of("b"));
        assertEquals(Map.of(), unchecked.of("c"));
    }

    @Test
    void aCauseIsLoggedOnceUntilItIsOver() {
        assertTrue(unchecked.add("a", "deadline", "slow", 1));
        assertFalse(unchecked.add("a", "deadline", "slow", 1));
        assertTrue(unchecked.add("a", "trap", "broken", 1));
        assertTrue(unchecked.add("b", "deadline", "slow", 1));
        // Each occurrence starts the ten minutes again.
        for (minutes.set(9); minutes.get() < 60; minutes.addAndGet(9)) {
            assertFalse(unchecked.add("a", "deadline", "slow", 1));
        }
        minutes.addAndGet(10);
        assertTrue(unchecked.add("a", "deadline", "slow", 1));
    }
}

package org.threatsieve.core.query;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class OwnedCacheTest {
    private static final long ENTRY = 1000 + OwnedCache.ENTRY_BYTES;

    private final OwnedCache<String, String> cache = new OwnedCache<>(3 * ENTRY);

    @Test
    void valuesGoWithTheirOwner() {
        assertTrue(cache.put(1, "a", "first", 1000));
        assertFalse(cache.put(1, "b", "second", 1000));
        assertTrue(cache.put(2, "a", "third", 1000));
        assertEquals("first", cache.get(1, "a"));
        assertEquals("third", cache.get(2, "a"));
        assertNull(cache.get(2, "b"));
        cache.remove(1);
        assertNull(cache.get(1, "a"));
        assertNull(cache.get(1, "b"));
        assertEquals("third", cache.get(2, "a"));
        assertEquals(ENTRY, cache.bytes());
        cache.remove(1);
        cache.remove(2);
        assertEquals(0, cache.bytes());
    }

    @Test
    void theValueThatWasNotUsedForLongestGoesFirst() {
        cache.put(1, "a", "a", 1000);
        cache.put(1, "b", "b", 1000);
        cache.put(2, "c", "c", 1000);
        cache.get(1, "a");
        cache.put(2, "d", "d", 1000);
        assertNull(cache.get(1, "b"));
        assertEquals("a", cache.get(1, "a"));
        assertEquals(3 * ENTRY, cache.bytes());
        // A large value takes the room of several.
        cache.put(3, "e", "e", 2500);
        assertEquals("e", cache.get(3, "e"));
        assertNull(cache.get(2, "c"));
        assertEquals(2500 + OwnedCache.ENTRY_BYTES, cache.bytes());
        cache.remove(1);
        cache.remove(2);
        assertEquals(2500 + OwnedCache.ENTRY_BYTES, cache.bytes());
    }

    @Test
    void aValueIsReplaced() {
        cache.put(1, "a", "old", 1000);
        assertFalse(cache.put(1, "a", "new", 500));
        assertEquals("new", cache.get(1, "a"));
        assertEquals(500 + OwnedCache.ENTRY_BYTES, cache.bytes());
    }

    @Test
    void whatIsTooLargeIsNotKept() {
        cache.put(1, "a", "a", 1000);
        assertFalse(cache.put(1, "b", "b", 3 * ENTRY));
        assertNull(cache.get(1, "b"));
        assertEquals("a", cache.get(1, "a"));
        OwnedCache<String, String> none = new OwnedCache<>(0);
        assertTrue(none.keepsNothing());
        assertFalse(none.put(1, "a", "a", 0));
        assertFalse(cache.keepsNothing());
    }
}

package org.threatsieve.core.query;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

import org.threatsieve.core.Nullable;

/**
 * A cache with a limit in bytes. Each value belongs to an owner, and goes with it. If there is no
 * room, the values that were not used for longest go.
 */
public final class OwnedCache<K, V> {
    /** Bytes that an entry takes besides its value: its key, and its places in the maps. */
    static final long ENTRY_BYTES = 256;

    private record Place<K>(Object owner, K key) {}

    private record Held<V>(V value, long bytes) {}

    private final long maxBytes;
    private final Map<Place<K>, Held<V>> values = new LinkedHashMap<>(16, 0.75f, true);
    private final Map<Object, Set<Place<K>>> owned = new HashMap<>();
    private long bytes;

    /** @param maxBytes the limit; 0 keeps nothing */
    public OwnedCache(long maxBytes) {
        this.maxBytes = maxBytes;
    }

    /** Returns whether the limit has no room for any value. */
    public boolean keepsNothing() {
        return maxBytes <= ENTRY_BYTES;
    }

    /** Returns a value, or {@code null}. */
    @Nullable
    public synchronized V get(Object owner, K key) {
        Held<V> held = values.get(new Place<>(owner, key));
        return held == null ? null : held.value;
    }

    /**
     * Keeps a value, if it is not larger than the whole cache.
     *
     * @return whether this is the owner's only value. Then the caller must see to it that
     *     {@link #remove} is called when the owner goes
     */
    public synchronized boolean put(Object owner, K key, V value, long valueBytes) {
        long needed = valueBytes + ENTRY_BYTES;
        if (needed > maxBytes) {
            return false;
        }
        Place<K> place = new Place<>(owner, key);
        Held<V> before = values.put(place, new Held<>(value, needed));
        bytes += needed - (before == null ? 0 : before.bytes);
        boolean known = owned.containsKey(owner);
        owned.computeIfAbsent(owner, each -> new HashSet<>()).add(place);
        Iterator<Map.Entry<Place<K>, Held<V>>> oldest = values.entrySet().iterator();
        while (bytes > maxBytes) {
            Map.Entry<Place<K>, Held<V>> entry = oldest.next();
            bytes -= entry.getValue().bytes;
            oldest.remove();
            owned.get(entry.getKey().owner).remove(entry.getKey());
        }
        return known == false;
    }

    /** Drops all values of an owner. */
    public synchronized void remove(Object owner) {
        Set<Place<K>> places = owned.remove(owner);
        if (places != null) {
            places.forEach(place -> bytes -= values.remove(place).bytes);
        }
    }

    /** The bytes that the values and their entries take. */
    public synchronized long bytes() {
        return bytes;
    }
}

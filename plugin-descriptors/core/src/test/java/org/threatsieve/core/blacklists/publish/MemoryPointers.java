package org.threatsieve.core.blacklists.publish;

import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

import org.threatsieve.core.blacklists.Pointer;

/** Pointers in memory. */
public final class MemoryPointers implements Pointers {
    public final Map<String, Pointer> pointers = new TreeMap<>();
    /** Runs once before the next exchange: another node is faster. */
    public Runnable before = () -> {};

    @Override
    public Map<String, Pointer> now() {
        return Map.copyOf(pointers);
    }

    @Override
    public Map<String, Pointer> recovered() {
        return now();
    }

    @Override
    public Pointer exchange(String name, Pointer expected, Pointer wanted) {
        Runnable first = before;
        before = () -> {};
        first.run();
        Pointer found = pointers.get(name);
        if (Objects.equals(found, expected)) {
            if (wanted == null) {
                pointers.remove(name);
            } else {
                pointers.put(name, wanted);
            }
        }
        return found;
    }
}

package org.threatsieve.core.matcher;

import java.nio.file.Path;
import java.util.Map;

import org.threatsieve.core.Nullable;

/**
 * A node's matcher, with the blacklists that are loaded into it.
 *
 * <p>If {@link #failure} is not {@code null}, every other call that needs the native library throws
 * a {@link NativeException} of kind {@code unavailable}.
 */
public interface Matcher {
    /** Returns why this node has no working matcher, or {@code null} if it has one. */
    @Nullable
    String failure();

    /** The count of events that could not be checked. */
    Unchecked unchecked();

    /** Verifies a blacklist's file without loading it. The answer is {@link Native#inspect}'s. */
    Map<String, Object> inspect(Path file);

    /** Loads a blacklist's file and serves it. Blocks for seconds: only for the loading thread. */
    void load(String blacklist, Path file);

    /** Drops a blacklist. Returns whether it was loaded. */
    boolean unload(String blacklist);

    /** Describes what is loaded. The answer is {@link Native#status}'s. */
    Map<String, Object> status();

    /**
     * Prepares a processor's look-ups. Works without the native library.
     *
     * @param options the options that {@link Native#check} describes
     */
    Lookup lookup(String blacklist, Map<String, Object> options);

    /** Looks up observables. Returns {@link Native#check}'s answer, usually {@code null}. */
    @Nullable
    Map<String, Object> check(Lookup lookup, Observables observables);

    /** Looks up raw log lines. Returns {@link Native#checkLines}'s answer, usually {@code null}. */
    @Nullable
    Map<String, Object> checkLines(Lookup lookup, Lines lines);

    /** The identity of the blacklist that answers the next call. */
    Served served(String blacklist);

    /**
     * Looks up the terms of an index's dictionary.
     *
     * @param lookup the options that {@link Native#checkTerms} describes
     */
    TermHits checkTerms(Lookup lookup, TermBatch terms);
}

package org.threatsieve.core.matcher;

/**
 * The blacklist that a processor asks, and its options. Made once for each processor
 * ({@link Matcher#lookup}).
 *
 * @param blacklist the blacklist's name
 * @param options the options' JSON for native code, never changed
 */
public record Lookup(String blacklist, byte[] options) {}

package org.threatsieve.opensearch.processor;

/** What becomes of an event that could not be checked. */
enum OnUnavailable {
    /** It says so in {@code threatsieve.unchecked}. */
    MARK,
    /** It fails, and goes the way of {@code on_failure} or back to its sender. */
    FAIL,
    /** It stays as it is. */
    PASS
}

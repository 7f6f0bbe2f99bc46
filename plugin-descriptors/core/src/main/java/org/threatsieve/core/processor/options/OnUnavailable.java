package org.threatsieve.core.processor.options;

/** The handling of an event that could not be checked. */
public enum OnUnavailable {
    /** The event says so in {@code threatsieve.unchecked}. */
    MARK,
    /** The event fails: {@code on_failure} handles it, or the sender gets an error. */
    FAIL,
    /** The event passes unchanged. */
    PASS
}

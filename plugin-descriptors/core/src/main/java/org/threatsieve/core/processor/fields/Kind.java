package org.threatsieve.core.processor.fields;

/** A kind of observable, in the order of the matcher's kind bytes (wit/matcher.wit). */
public enum Kind {
    /** The matcher finds out from the value. */
    ANY,
    HOST,
    ADDRESS,
    URL,
    HASH,
    EMAIL
}

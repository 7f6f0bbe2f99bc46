package org.threatsieve.opensearch.processor;

/** What an observable is said to be; the order is that of the matcher's kind bytes (wit/matcher.wit). */
enum Kind {
    /** Told by the value's form. */
    ANY,
    HOST,
    ADDRESS,
    URL,
    HASH,
    EMAIL
}

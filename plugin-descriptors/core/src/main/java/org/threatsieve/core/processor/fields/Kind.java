package org.threatsieve.core.processor.fields;

/** A kind of observable, in the order of the matcher's kind bytes (wit/matcher.wit). */
public enum Kind {
    /** The matcher finds out from the value. */
    ANY,
    HOST,
    ADDRESS,
    URL,
    HASH,
    EMAIL,
    /** A word of free text that is probably the name of a file. No field has this kind. */
    WORD,
    /** The name or the path of a file. It counts only as a part of a conjunction. */
    FILE_NAME
}

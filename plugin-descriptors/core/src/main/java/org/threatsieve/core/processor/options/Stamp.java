package org.threatsieve.core.processor.options;

/** The events that get the generation that they were checked against. */
public enum Stamp {
    MATCHED,
    ALL,
    NONE
}

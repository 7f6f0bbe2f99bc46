package org.threatsieve.opensearch.processor;

/** Which events are told the generation that they were checked against. */
enum Stamp {
    MATCHED,
    ALL,
    NONE
}

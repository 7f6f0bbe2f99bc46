package org.threatsieve.opensearch.query;

import org.threatsieve.core.processor.fields.Kind;

/**
 * A field with a dictionary of terms.
 *
 * @param kind the kind of its values
 * @param encoding the form of its terms
 * @param indexed whether it can be searched; else it has only doc values
 */
record TermField(String name, Kind kind, Encoding encoding, boolean indexed) {
    enum Encoding {
        TEXT,
        ADDRESS
    }
}

package org.threatsieve.opensearch.query;

import java.util.List;

import org.threatsieve.core.processor.options.QueryOptions;

/**
 * A query, as an index has its fields.
 *
 * @param fields the fields whose terms are looked up
 * @param event the fields that conditions are compared with
 */
record TermSearch(QueryOptions options, List<TermField> fields, EventFields event) {}

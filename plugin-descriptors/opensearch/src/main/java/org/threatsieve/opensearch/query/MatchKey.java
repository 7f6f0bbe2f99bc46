package org.threatsieve.opensearch.query;

import org.threatsieve.core.matcher.Served;

/**
 * The key of the documents of a segment that match: nothing else decides about them.
 *
 * @param search the fields and options
 * @param served the blacklist that answers
 */
record MatchKey(TermSearch search, Served served) {}

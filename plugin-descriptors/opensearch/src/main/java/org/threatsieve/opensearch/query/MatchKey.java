package org.threatsieve.opensearch.query;

import org.threatsieve.core.matcher.Served;

/**
 * What decides which documents of a segment match.
 *
 * @param search the fields and options
 * @param served the blacklist that answers
 */
record MatchKey(TermSearch search, Served served) {}

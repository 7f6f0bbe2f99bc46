package org.threatsieve.core.blacklists;

import java.time.Instant;

/**
 * The time of a change and the user who made it.
 *
 * @param at the time, in whole milliseconds
 * @param by the user's name
 */
public record Attribution(Instant at, String by) {}

package org.threatsieve.opensearch.blacklists.rest;

import java.time.Duration;

import org.threatsieve.core.Nullable;

/** A request about a blacklist that the cluster has. */
final class NamedRequest extends UserRequest {
    /** {@code null}: all blacklists. */
    @Nullable
    final String name;
    /** The generation to roll back to; {@code null}: the one before. */
    @Nullable
    final Long generation;
    /** The time to wait for the nodes; {@code null} if the request changes nothing. */
    @Nullable
    final Duration timeout;

    NamedRequest(@Nullable String name, @Nullable Long generation, @Nullable Duration timeout) {
        this.name = name;
        this.generation = generation;
        this.timeout = timeout;
    }

    static NamedRequest of(@Nullable String name) {
        return new NamedRequest(name, null, null);
    }
}

package org.threatsieve.opensearch.blacklists;

import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionRequestValidationException;
import org.opensearch.common.Nullable;
import org.opensearch.common.unit.TimeValue;

/** What concerns a blacklist that is there. It stays on the node that got it. */
final class NamedRequest extends ActionRequest {
    /** {@code null}: all. */
    @Nullable
    final String name;
    /** To go back to; {@code null}: the one before. */
    @Nullable
    final Long generation;
    /** How long to wait for the nodes. */
    @Nullable
    final TimeValue timeout;

    NamedRequest(@Nullable String name, @Nullable Long generation, @Nullable TimeValue timeout) {
        this.name = name;
        this.generation = generation;
        this.timeout = timeout;
    }

    static NamedRequest of(@Nullable String name) {
        return new NamedRequest(name, null, null);
    }

    @Override
    public ActionRequestValidationException validate() {
        return null;
    }
}

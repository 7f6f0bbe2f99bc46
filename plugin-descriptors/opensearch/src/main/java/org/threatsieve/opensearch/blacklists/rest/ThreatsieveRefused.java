package org.threatsieve.opensearch.blacklists.rest;

import org.opensearch.OpenSearchException;
import org.opensearch.core.rest.RestStatus;
import org.threatsieve.core.blacklists.Refused;

/**
 * A refused request, as the engine answers it. The class's name is the error's type in the answer,
 * {@code threatsieve_refused}.
 */
final class ThreatsieveRefused extends OpenSearchException {
    private static final long serialVersionUID = 1L;

    private final RestStatus status;

    ThreatsieveRefused(RestStatus status, String kind, String reason) {
        super(reason);
        this.status = status;
        addMetadata("opensearch.kind", kind);
    }

    static ThreatsieveRefused of(Refused refused) {
        RestStatus status = RestStatus.fromCode(refused.status().code());
        return new ThreatsieveRefused(status, refused.kind(), refused.getMessage());
    }

    @Override
    public RestStatus status() {
        return status;
    }
}

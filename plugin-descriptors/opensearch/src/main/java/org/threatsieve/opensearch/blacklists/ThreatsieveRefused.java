package org.threatsieve.opensearch.blacklists;

import org.opensearch.OpenSearchException;
import org.opensearch.core.rest.RestStatus;
import org.threatsieve.opensearch.NativeException;

/** A request that is refused; what was served before is served on. The class's name is the error's type in the answer, {@code threatsieve_refused}. */
final class ThreatsieveRefused extends OpenSearchException {
    private static final long serialVersionUID = 1L;

    private final RestStatus status;

    private ThreatsieveRefused(RestStatus status, String kind, String reason) {
        super(reason);
        this.status = status;
        addMetadata("opensearch.kind", kind);
    }

    /** What was sent is not right. */
    static ThreatsieveRefused input(String kind, String reason) {
        return new ThreatsieveRefused(RestStatus.BAD_REQUEST, kind, reason);
    }

    /** What was sent does not go with what is there. */
    static ThreatsieveRefused conflict(String kind, String reason) {
        return new ThreatsieveRefused(RestStatus.CONFLICT, kind, reason);
    }

    /** There is none of that name. */
    static ThreatsieveRefused missing(String kind, String reason) {
        return new ThreatsieveRefused(RestStatus.NOT_FOUND, kind, reason);
    }

    /** There is too much of it now. */
    static ThreatsieveRefused busy(String kind, String reason) {
        return new ThreatsieveRefused(RestStatus.TOO_MANY_REQUESTS, kind, reason);
    }

    /** What the server itself answers with that status. */
    static ThreatsieveRefused with(RestStatus status, String kind, String reason) {
        return new ThreatsieveRefused(status, kind, reason);
    }

    /** This node cannot, whatever was sent. */
    static ThreatsieveRefused unable(String kind, String reason) {
        return new ThreatsieveRefused(RestStatus.SERVICE_UNAVAILABLE, kind, reason);
    }

    /** What the library says of a file. */
    static ThreatsieveRefused of(NativeException e) {
        return switch (e.kind()) {
            case "damaged", "signature", "name", "budget", "limit" -> input(e.kind(), e.getMessage());
            default -> unable(e.kind(), e.getMessage());
        };
    }

    @Override
    public RestStatus status() {
        return status;
    }
}

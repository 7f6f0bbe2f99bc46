package org.threatsieve.core.blacklists;

import org.threatsieve.core.matcher.NativeException;

/** A refused request. The nodes keep serving what they served before. */
public final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The meaning of a refusal, as an HTTP status. */
    public enum Status {
        /** The request is wrong. */
        INPUT(400),
        /** The request does not fit what the cluster has. */
        CONFLICT(409),
        /** The named thing does not exist. */
        MISSING(404),
        /** There are too many of these requests now. */
        BUSY(429),
        /** This node cannot handle any such request now. */
        UNABLE(503);

        private final int code;

        Status(int code) {
            this.code = code;
        }

        /** The HTTP status code. */
        public int code() {
            return code;
        }
    }

    private final Status status;
    private final String kind;

    private Refused(Status status, String kind, String reason) {
        super(reason);
        this.status = status;
        this.kind = kind;
    }

    public static Refused input(String kind, String reason) {
        return new Refused(Status.INPUT, kind, reason);
    }

    public static Refused conflict(String kind, String reason) {
        return new Refused(Status.CONFLICT, kind, reason);
    }

    public static Refused missing(String kind, String reason) {
        return new Refused(Status.MISSING, kind, reason);
    }

    public static Refused busy(String kind, String reason) {
        return new Refused(Status.BUSY, kind, reason);
    }

    public static Refused unable(String kind, String reason) {
        return new Refused(Status.UNABLE, kind, reason);
    }

    /** The refusal for a failure of the native library on a pushed file. */
    public static Refused of(NativeException e) {
        return switch (e.kind()) {
            case "damaged", "signature", "name", "budget", "limit" -> input(
                e.kind(),
                e.getMessage()
            );
            default -> unable(e.kind(), e.getMessage());
        };
    }

    public Status status() {
        return status;
    }

    /** The kind of refusal (docs/api.md). */
    public String kind() {
        return kind;
    }
}

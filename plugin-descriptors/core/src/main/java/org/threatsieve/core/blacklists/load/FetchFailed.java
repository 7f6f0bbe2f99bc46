package org.threatsieve.core.blacklists.load;

/** A content cannot be fetched from the index. */
final class FetchFailed extends Exception {
    private static final long serialVersionUID = 1L;

    private final String kind;

    FetchFailed(String kind, String message) {
        super(message);
        this.kind = kind;
    }

    /** The kind of failure in the node's status. */
    String kind() {
        return kind;
    }
}

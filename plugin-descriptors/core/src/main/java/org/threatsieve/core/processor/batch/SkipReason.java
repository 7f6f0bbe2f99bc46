package org.threatsieve.core.processor.batch;

/** A reason why a part of an event is not looked up. */
public enum SkipReason {
    TOO_LONG(
        "too-long",
        "a value or line is too long (at most 65,535 bytes for a value, 8 MiB for a line)"
    ),
    TOO_MANY("too-many", "the event has too many values for one batch (at most 65,536, and 8 MiB)"),
    MALFORMED("malformed", "the message field holds something other than one text");

    private final String kind;
    private final String detail;

    SkipReason(String kind, String detail) {
        this.kind = kind;
        this.detail = detail;
    }

    /** The reason, as it is written into events. */
    public String kind() {
        return kind;
    }

    /** The reason, for the log. */
    public String detail() {
        return detail;
    }
}

package org.threatsieve.opensearch.processor;

/** Why a part of an event is not looked up. */
enum LeftOut {
    TOO_LONG("too-long", "a value or line is longer than is taken (65,535 bytes a value, 8 MiB a line)"),
    TOO_MANY("too-many", "the event has more values than one batch takes (65,536, or 8 MiB)"),
    MALFORMED("malformed", "the message field holds something other than one text");

    private final String kind;
    private final String detail;

    LeftOut(String kind, String detail) {
        this.kind = kind;
        this.detail = detail;
    }

    /** As it is written into events. */
    String kind() {
        return kind;
    }

    String detail() {
        return detail;
    }
}

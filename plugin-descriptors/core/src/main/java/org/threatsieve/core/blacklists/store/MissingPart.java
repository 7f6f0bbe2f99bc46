package org.threatsieve.core.blacklists.store;

/** A part of a content is not in the index. */
public final class MissingPart extends Exception {
    private static final long serialVersionUID = 1L;

    private final int part;

    MissingPart(int part) {
        super("part " + part + " is not in [" + Documents.INDEX + "]");
        this.part = part;
    }

    /** The stored part's number, from 0. */
    public int part() {
        return part;
    }
}

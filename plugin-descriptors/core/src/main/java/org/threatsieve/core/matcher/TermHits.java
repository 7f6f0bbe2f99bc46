package org.threatsieve.core.matcher;

import java.nio.ByteBuffer;

/** The terms of a batch that hit, one after the other. */
public final class TermHits {
    private final ByteBuffer bytes;
    private final Served served;
    private int term;
    private Conditions conditions;

    /** @param answer the answer that {@link Native#checkTerms} describes */
    public TermHits(byte[] answer) {
        this.bytes = ByteBuffer.wrap(answer);
        this.served = Served.read(bytes);
    }

    /** The blacklist that answered. */
    public Served served() {
        return served;
    }

    /** Goes to the next term that hits. Returns false if there is none. */
    public boolean next() {
        if (bytes.hasRemaining() == false) {
            return false;
        }
        term = bytes.getInt();
        conditions = Conditions.read(bytes);
        return true;
    }

    /** The term's number in its batch. */
    public int term() {
        return term;
    }

    /** The conditions under which the term counts. */
    public Conditions conditions() {
        return conditions;
    }
}

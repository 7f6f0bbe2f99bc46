package org.threatsieve.core.matcher;

import java.util.Arrays;

/** A batch of terms of an index's dictionary, in the form that {@link Native#checkTerms} takes. */
public final class TermBatch {
    /**
     * Terms of one batch. A quarter of what the contract allows: a call is far from the deadline,
     * and a search that is cancelled ends soon.
     */
    public static final int MAX_TERMS = 16 * 1024;

    /** Bytes of one batch, set by the contract with native code. */
    private static final int MAX_BYTES = 8 * 1024 * 1024;
    /** Bytes of one term, set by the contract with the matcher. An engine's terms are shorter. */
    private static final int MAX_TERM_BYTES = 65_535;
    private static final int HEADER_BYTES = 4;

    private final OutBuffer buffer = new OutBuffer(MAX_BYTES);
    /** The place of each term's bytes in the buffer. */
    private final int[] starts = new int[MAX_TERMS];
    private int count;

    OutBuffer buffer() {
        return buffer;
    }

    /** The number of terms. */
    public int count() {
        return count;
    }

    /** Drops all terms. */
    public void clear() {
        buffer.clear();
        count = 0;
    }

    /**
     * Adds a term.
     *
     * @param kind the byte of its kind (wit/matcher.wit)
     * @return false if it has no room; an empty batch has room for every term
     */
    public boolean add(int kind, byte[] bytes, int offset, int length) {
        if (length > MAX_TERM_BYTES) {
            throw new IllegalArgumentException("a term has " + length + " bytes");
        }
        if (count == MAX_TERMS || buffer.reserve(HEADER_BYTES + length) == false) {
            return false;
        }
        int header = buffer.length();
        for (int i = 0; i < HEADER_BYTES; i++) {
            buffer.putByte(0);
        }
        buffer.setInt(header, kind << 24 | length);
        starts[count++] = buffer.length();
        buffer.putBytes(bytes, offset, length);
        return true;
    }

    /** Returns a copy of a term's bytes. */
    public byte[] term(int number) {
        int end = number + 1 < count ? starts[number + 1] - HEADER_BYTES : buffer.length();
        return Arrays.copyOfRange(buffer.bytes(), starts[number], end);
    }
}

package org.threatsieve.core.matcher;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing buffer of bytes for native code, reused from call to call. */
public final class OutBuffer {
    /** Bytes kept for the next call. A larger buffer is freed. */
    private static final int KEPT_BYTES = 256 * 1024;

    private final int maxBytes;
    private byte[] bytes = new byte[8 * 1024];
    private int length;

    /** @param maxBytes the most that the buffer ever holds */
    public OutBuffer(int maxBytes) {
        this.maxBytes = maxBytes;
    }

    /** The bytes. Only the first {@link #length} are used. */
    byte[] bytes() {
        return bytes;
    }

    /** The number of used bytes. */
    public int length() {
        return length;
    }

    /** Empties the buffer. */
    public void clear() {
        length = 0;
        if (bytes.length > KEPT_BYTES) {
            bytes = new byte[KEPT_BYTES];
        }
    }

    /** Drops everything from this length on. */
    public void truncate(int length) {
        this.length = length;
    }

    /** Makes room for this many more bytes. Returns false if the buffer may not grow so far. */
    public boolean reserve(int more) {
        if (more > maxBytes - length) {
            return false;
        }
        if (more > bytes.length - length) {
            int grown = Math.max(bytes.length * 2, length + more);
            bytes = Arrays.copyOf(bytes, Math.min(maxBytes, grown));
        }
        return true;
    }

    /** Appends a byte. The room must be reserved. */
    public void putByte(int value) {
        bytes[length++] = (byte) value;
    }

    /** Replaces the byte at this place. */
    public void setByte(int at, int value) {
        bytes[at] = (byte) value;
    }

    /** Replaces the four bytes at this place by a little-endian number. */
    public void setInt(int at, int value) {
        bytes[at] = (byte) value;
        bytes[at + 1] = (byte) (value >>> 8);
        bytes[at + 2] = (byte) (value >>> 16);
        bytes[at + 3] = (byte) (value >>> 24);
    }

    /**
     * Appends a header for the caller to fill, and then text as UTF-8.
     *
     * @param headerBytes bytes of the header
     * @return the text's bytes, or -1 if there is no room; then nothing is appended
     */
    public int putText(int headerBytes, String text) {
        int chars = text.length();
        if (reserve(headerBytes + chars) == false) {
            return -1;
        }
        byte[] to = bytes;
        int start = length + headerBytes;
        for (int i = 0; i < chars; i++) {
            char c = text.charAt(i);
            if (c >= 0x80) {
                return putEncoded(headerBytes, text.getBytes(StandardCharsets.UTF_8));
            }
            to[start + i] = (byte) c;
        }
        length = start + chars;
        return chars;
    }

    /** Appends bytes. The room must be reserved. */
    public void putBytes(byte[] from, int offset, int count) {
        System.arraycopy(from, offset, bytes, length, count);
        length += count;
    }

    private int putEncoded(int headerBytes, byte[] text) {
        if (reserve(headerBytes + text.length) == false) {
            return -1;
        }
        System.arraycopy(text, 0, bytes, length + headerBytes, text.length);
        length += headerBytes + text.length;
        return text.length;
    }
}

package org.threatsieve.opensearch.processor;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Bytes on their way to native code, reused from call to call. */
final class OutBuffer {
    /** Kept for the next call; what grew beyond is given back. */
    private static final int KEPT_BYTES = 256 * 1024;

    private final int maxBytes;
    byte[] bytes = new byte[8 * 1024];
    int length;

    /** Never longer than that. */
    OutBuffer(int maxBytes) {
        this.maxBytes = maxBytes;
    }

    /** Empties it. */
    void clear() {
        length = 0;
        if (bytes.length > KEPT_BYTES) {
            bytes = new byte[KEPT_BYTES];
        }
    }

    /** Makes room for so many bytes more, and tells whether there is any to be had. */
    boolean reserve(int more) {
        if (more > maxBytes - length) {
            return false;
        }
        if (more > bytes.length - length) {
            bytes = Arrays.copyOf(bytes, Math.min(maxBytes, Math.max(bytes.length * 2, length + more)));
        }
        return true;
    }

    void putByte(int value) {
        bytes[length++] = (byte) value;
    }

    /** Little-endian, over what stands there. */
    void setInt(int at, int value) {
        bytes[at] = (byte) value;
        bytes[at + 1] = (byte) (value >>> 8);
        bytes[at + 2] = (byte) (value >>> 16);
        bytes[at + 3] = (byte) (value >>> 24);
    }

    /**
     * Appends text as UTF-8, after so many bytes that are left free for the caller.
     *
     * @return the text's bytes, or -1 when there is no room; nothing is appended then
     */
    int putText(int free, String text) {
        int chars = text.length();
        if (reserve(free + chars) == false) {
            return -1;
        }
        byte[] to = bytes;
        int start = length + free;
        for (int i = 0; i < chars; i++) {
            char c = text.charAt(i);
            if (c >= 0x80) {
                return putEncoded(free, text.getBytes(StandardCharsets.UTF_8));
            }
            to[start + i] = (byte) c;
        }
        length = start + chars;
        return chars;
    }

    private int putEncoded(int free, byte[] text) {
        if (reserve(free + text.length) == false) {
            return -1;
        }
        System.arraycopy(text, 0, bytes, length + free, text.length);
        length += free + text.length;
        return text.length;
    }
}

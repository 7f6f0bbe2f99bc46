package org.threatsieve.core.matcher;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HexFormat;

/**
 * The identity of the blacklist that answered.
 *
 * @param digest 64 lower-case hexadecimal digits
 */
public record Served(long generation, String digest) {
    private static final int DIGEST_BYTES = 32;

    /** Reads what {@link Native#served} describes. */
    static Served read(ByteBuffer bytes) {
        bytes.order(ByteOrder.LITTLE_ENDIAN);
        long generation = bytes.getLong();
        byte[] digest = new byte[DIGEST_BYTES];
        bytes.get(digest);
        return new Served(generation, HexFormat.of().formatHex(digest));
    }
}

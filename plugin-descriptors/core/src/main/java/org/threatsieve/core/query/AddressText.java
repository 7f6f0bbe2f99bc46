package org.threatsieve.core.query;

import java.nio.charset.StandardCharsets;

/** Writes addresses, as engines store them, as text. */
public final class AddressText {
    /** Bytes of a stored address. An IPv4 address is stored as an IPv4-mapped IPv6 address. */
    public static final int BYTES = 16;

    /** The longest text: eight groups of four digits, each with a colon after it. */
    private static final int MAX_TEXT_BYTES = 40;
    private static final int MAPPED_ZEROS = 10;
    private static final byte[] DIGITS = "0123456789abcdef".getBytes(StandardCharsets.US_ASCII);

    private final byte[] text = new byte[MAX_TEXT_BYTES];
    private int length;

    /** The text. Only the first {@link #length} bytes are used. */
    public byte[] bytes() {
        return text;
    }

    public int length() {
        return length;
    }

    /** Writes an address in place of the last one. */
    public void set(byte[] address, int offset) {
        length = 0;
        if (isMapped(address, offset)) {
            for (int i = BYTES - 4; i < BYTES; i++) {
                decimal(address[offset + i] & 0xff);
                text[length++] = '.';
            }
        } else {
            for (int i = 0; i < BYTES; i += 2) {
                hexadecimal(address[offset + i]);
                hexadecimal(address[offset + i + 1]);
                text[length++] = ':';
            }
        }
        length--;
    }

    private static boolean isMapped(byte[] address, int offset) {
        for (int i = 0; i < MAPPED_ZEROS; i++) {
            if (address[offset + i] != 0) {
                return false;
            }
        }
        return address[offset + MAPPED_ZEROS] == -1 && address[offset + MAPPED_ZEROS + 1] == -1;
    }

    private void decimal(int number) {
        if (number >= 100) {
            text[length++] = DIGITS[number / 100];
        }
        if (number >= 10) {
            text[length++] = DIGITS[number / 10 % 10];
        }
        text[length++] = DIGITS[number % 10];
    }

    private void hexadecimal(byte value) {
        text[length++] = DIGITS[value >> 4 & 0xf];
        text[length++] = DIGITS[value & 0xf];
    }
}

package org.threatsieve.core.query;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.util.Random;

import org.junit.jupiter.api.Test;

class AddressTextTest {
    private final AddressText text = new AddressText();

    private String text(byte[] address) {
        byte[] within = new byte[3 + AddressText.BYTES];
        System.arraycopy(address, 0, within, 3, AddressText.BYTES);
        text.set(within, 3);
        return new String(text.bytes(), 0, text.length(), StandardCharsets.US_ASCII);
    }

    private static byte[] mapped(int a, int b, int c, int d) {
        byte[] address = new byte[AddressText.BYTES];
        address[10] = -1;
        address[11] = -1;
        address[12] = (byte) a;
        address[13] = (byte) b;
        address[14] = (byte) c;
        address[15] = (byte) d;
        return address;
    }

    @Test
    void mappedAddressesAreIpv4() {
        assertEquals("0.9.10.99", text(mapped(0, 9, 10, 99)));
        assertEquals("100.101.200.255", text(mapped(100, 101, 200, 255)));
    }

    @Test
    void othersHaveEightGroups() {
        assertEquals("0000:0000:0000:0000:0000:0000:0000:0000", text(new byte[16]));
        byte[] almostMapped = mapped(1, 2, 3, 4);
        almostMapped[0] = 1;
        assertEquals("0100:0000:0000:0000:0000:ffff:0102:0304", text(almostMapped));
        almostMapped = mapped(1, 2, 3, 4);
        almostMapped[11] = 0;
        assertEquals("0000:0000:0000:0000:0000:ff00:0102:0304", text(almostMapped));
    }

    @Test
    void theTextIsTheAddress() throws UnknownHostException {
        Random random = new Random(1);
        for (int i = 0; i < 1000; i++) {
            byte[] address = new byte[AddressText.BYTES];
            random.nextBytes(address);
            if (i % 2 == 0) {
                address = mapped(address[0], address[1], address[2], address[3]);
            }
            InetAddress expected = InetAddress.getByAddress(address);
            assertEquals(expected, InetAddress.getByName(text(address)));
        }
    }
}

package org.threatsieve.core.matcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibraryTest {
    /** The head of an ELF file for a machine, 64-bit and little-endian. */
    private static byte[] elf(int machine) {
        byte[] head = new byte[Library.ELF_HEAD_BYTES];
        head[0] = 0x7f;
        head[1] = 'E';
        head[2] = 'L';
        head[3] = 'F';
        head[4] = 2;
        head[5] = 1;
        head[18] = (byte) machine;
        head[19] = (byte) (machine >> 8);
        return head;
    }

    @Test
    void thePlatformIsReadFromTheHead() {
        assertEquals("Linux amd64", Library.architecture(elf(62)));
        assertEquals("Linux aarch64", Library.architecture(elf(183)));
        assertEquals("Linux riscv64", Library.architecture(elf(243)));
        assertEquals("Linux machine type 258", Library.architecture(elf(258)));
    }

    @Test
    void otherFilesAreForAnotherPlatform() {
        byte[] small = Arrays.copyOf(elf(62), Library.ELF_HEAD_BYTES - 1);
        byte[] bits32 = elf(62);
        bits32[4] = 1;
        byte[] bigEndian = elf(62);
        bigEndian[5] = 2;
        byte[] text = "#!/bin/sh\nexit 0 # 20".getBytes();
        for (byte[] head : new byte[][] { new byte[0], small, bits32, bigEndian, text }) {
            assertEquals("another platform than 64-bit Linux", Library.architecture(head));
        }
    }

    @Test
    void aMissingOrForeignLibrarySaysWhatToDo(@TempDir Path folder) throws Exception {
        NativeException missing = assertThrows(
            NativeException.class,
            () -> Library.load(folder)
        );
        assertEquals(NativeException.UNAVAILABLE, missing.kind());
        assertTrue(missing.getMessage().endsWith("install the plugin again"));
        Files.write(folder.resolve(Library.FILE), elf(258));
        NativeException foreign = assertThrows(
            NativeException.class,
            () -> Library.load(folder)
        );
        assertTrue(foreign.getMessage().contains("is built for Linux machine type 258, this"));
    }
}

package org.threatsieve.core.matcher;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Loads the native library. No other class does. */
final class Library {
    static final String FILE = "libthreatsieve.so";

    /** Bytes of an ELF file's head, up to the end of {@code e_machine}. */
    static final int ELF_HEAD_BYTES = 20;

    private Library() {}

    /**
     * Loads the library from the plugin's folder. Called once in a process.
     *
     * @throws NativeException of kind {@code unavailable}, with what to do about it
     */
    static void load(Path pluginFolder) {
        Path file = pluginFolder.resolve(FILE);
        requireThisMachine(file);
        int contract;
        try {
            System.load(file.toString());
            contract = Native.contract();
        } catch (UnsatisfiedLinkError e) {
            throw unavailable(file + " does not load: " + e.getMessage());
        }
        if (contract != Native.CONTRACT) {
            throw unavailable(
                file
                    + " speaks contract "
                    + contract
                    + ", but this plugin speaks contract "
                    + Native.CONTRACT
                    + ": both must come from one zip; install the plugin again"
            );
        }
    }

    /**
     * Checks what the file was built for. The loader's own message about a foreign library ("cannot
     * open shared object file: No such file or directory") is misleading.
     */
    private static void requireThisMachine(Path file) {
        byte[] head;
        try (InputStream in = Files.newInputStream(file)) {
            head = in.readNBytes(ELF_HEAD_BYTES);
        } catch (IOException e) {
            throw unavailable(file + " cannot be read (" + e + "): install the plugin again");
        }
        String built = architecture(head);
        String here = System.getProperty("os.name") + " " + System.getProperty("os.arch");
        if (built.equals(here) == false) {
            throw unavailable(
                file
                    + " is built for "
                    + built
                    + ", this machine is "
                    + here
                    + ": install the plugin's zip for "
                    + here
            );
        }
    }

    /** Returns the platform of an ELF head, as Java names it ({@code Linux amd64}). */
    static String architecture(byte[] head) {
        boolean elf = head.length == ELF_HEAD_BYTES
            && head[0] == 0x7f
            && head[1] == 'E'
            && head[2] == 'L'
            && head[3] == 'F';
        boolean littleEndian64Bit = elf && head[4] == 2 && head[5] == 1;
        if (littleEndian64Bit == false) {
            return "another platform than 64-bit Linux";
        }
        int machine = (head[18] & 0xff) | (head[19] & 0xff) << 8;
        return "Linux " + switch (machine) {
            case 62 -> "amd64";
            case 183 -> "aarch64";
            case 243 -> "riscv64";
            default -> "machine type " + machine;
        };
    }

    private static NativeException unavailable(String message) {
        return new NativeException(NativeException.UNAVAILABLE, message);
    }
}

package org.threatsieve.core.matcher;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MatcherOptionsTest {
    @TempDir
    Path folder;

    private Map<String, Object> read(String key) {
        return new MatcherOptions(100, 1000, 64, 2, key).toMap(folder);
    }

    private String refused(String key) {
        NativeException failure = assertThrows(NativeException.class, () -> read(key));
        assertEquals(NativeException.UNAVAILABLE, failure.kind());
        return failure.getMessage();
    }

    @Test
    void theContractsNames() {
        Map<String, Object> options = read("");
        assertEquals(
            "{deadline_ms=100, memory_limit_bytes=1000, instance_memory_bytes=64, instances=2,"
                + " trusted_key_pem=null}",
            options.toString()
        );
    }

    @Test
    void theKeyIsReadFromTheConfigurationFolder() throws Exception {
        Files.writeString(Files.createDirectory(folder.resolve("keys")).resolve("a.pub"), "PEM");
        assertEquals("PEM", read("keys/a.pub").get("trusted_key_pem"));
    }

    @Test
    void aKeyThatIsMissingOrElsewhereIsAFailure() {
        assertTrue(refused("none.pub").startsWith("[threatsieve.trusted_key] is none.pub, which"));
        assertTrue(refused("../a.pub").contains("expected a file below " + folder));
        assertTrue(refused("keys/../../a.pub").contains("expected a file below"));
    }
}

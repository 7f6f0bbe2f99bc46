package org.threatsieve.core.matcher;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

import org.threatsieve.core.Nullable;

/**
 * The options of a node's matcher, from the node's settings.
 *
 * @param deadlineMillis the longest that one look-up may take
 * @param memoryLimitBytes memory for all blacklists together
 * @param instanceMemoryBytes memory of one call, without the blacklist
 * @param instances calls at a time that find an instance ready
 * @param trustedKey the public key's file, below the configuration folder; empty for none
 */
public record MatcherOptions(
    long deadlineMillis,
    long memoryLimitBytes,
    long instanceMemoryBytes,
    int instances,
    String trustedKey
) {
    /** The options as {@link Native#open} takes them. Reads the trusted key. */
    Map<String, Object> toMap(Path configFolder) {
        Map<String, Object> options = new LinkedHashMap<>();
        options.put("deadline_ms", deadlineMillis);
        options.put("memory_limit_bytes", memoryLimitBytes);
        options.put("instance_memory_bytes", instanceMemoryBytes);
        options.put("instances", instances);
        options.put("trusted_key_pem", readKey(configFolder));
        return options;
    }

    /**
     * A configured key that is missing is a failure: without it, unsigned blacklists would load.
     */
    @Nullable
    private String readKey(Path configFolder) {
        if (trustedKey.isEmpty()) {
            return null;
        }
        Path file = configFolder.resolve(trustedKey).normalize();
        if (file.startsWith(configFolder.normalize()) == false) {
            throw wrongKey(", expected a file below " + configFolder);
        }
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw wrongKey(", which cannot be read: " + e);
        }
    }

    private NativeException wrongKey(String why) {
        String message = "[threatsieve.trusted_key] is " + trustedKey + why;
        return new NativeException(NativeException.UNAVAILABLE, message);
    }
}

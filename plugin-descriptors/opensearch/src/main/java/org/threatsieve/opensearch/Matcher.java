package org.threatsieve.opensearch;

import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.xcontent.XContentFactory;
import org.opensearch.core.common.bytes.BytesReference;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.env.Environment;
import org.threatsieve.opensearch.engine.Privileged;

/**
 * The node's matcher: the native library, set up as the node's settings say, with the blacklists that are loaded into it.
 *
 * <p>Where the library cannot be loaded or set up, the node starts all the same: {@link #failure} says why, and every call throws a
 * {@link NativeException} of kind {@code unavailable}.
 */
public final class Matcher implements Closeable {
    private static final Logger logger = LogManager.getLogger(Matcher.class);

    /** The plugin's name and that of its folder. */
    private static final String PLUGIN = "threatsieve";

    private final long handle;
    private final String failure;
    private final Unchecked unchecked = new Unchecked();

    private Matcher(long handle, String failure) {
        this.handle = handle;
        this.failure = failure;
    }

    /** Loads the library and sets it up. Reports a failure to the log and otherwise holds it. */
    static Matcher open(Settings settings, Path configFolder) {
        Path pluginFolder = Path.of(Environment.PATH_HOME_SETTING.get(settings)).toAbsolutePath().resolve("plugins").resolve(PLUGIN);
        try {
            return Privileged.call(() -> {
                Library.load(pluginFolder);
                return new Matcher(Native.open(options(settings, configFolder)), null);
            });
        } catch (NativeException e) {
            logger.error("the matcher cannot be used, and every event that a threat_match processor sees will be marked unchecked: {}", e.getMessage());
            return new Matcher(0, e.getMessage());
        }
    }

    private static byte[] options(Settings settings, Path configFolder) {
        try (XContentBuilder json = XContentFactory.jsonBuilder()) {
            json.startObject()
                .field("deadline_ms", NodeSettings.DEADLINE.get(settings).millis())
                .field("memory_limit_bytes", NodeSettings.MEMORY_LIMIT.get(settings).getBytes())
                .field("instance_memory_bytes", NodeSettings.INSTANCE_MEMORY.get(settings).getBytes())
                .field("instances", NodeSettings.INSTANCES.get(settings))
                .field("trusted_key_pem", trustedKey(NodeSettings.TRUSTED_KEY.get(settings), configFolder))
                .endObject();
            return BytesReference.toBytes(BytesReference.bytes(json));
        } catch (IOException e) {
            throw new NativeException(NativeException.UNAVAILABLE, "its options cannot be written: " + e);
        }
    }

    /** A key that is asked for and not there is a failure: without it, unsigned blacklists would be taken. */
    private static String trustedKey(String name, Path configFolder) {
        if (name.isEmpty()) {
            return null;
        }
        String setting = NodeSettings.TRUSTED_KEY.getKey();
        Path file = configFolder.resolve(name).normalize();
        if (file.startsWith(configFolder.normalize()) == false) {
            throw new NativeException(NativeException.UNAVAILABLE, "[" + setting + "] is " + name + ", expected a file below " + configFolder);
        }
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new NativeException(NativeException.UNAVAILABLE, "[" + setting + "] is " + name + ", which cannot be read: " + e);
        }
    }

    /** Why there is no matcher on this node, or {@code null} when there is one. */
    public String failure() {
        return failure;
    }

    /** Events that could not be checked. */
    public Unchecked unchecked() {
        return unchecked;
    }

    /** {@link Native#inspect}. */
    public byte[] inspect(Path file) {
        return Native.inspect(handle(), file.toString());
    }

    /** {@link Native#load}. Blocks for seconds: only on the plugin's own thread pool. */
    public void load(String blacklist, Path file) {
        Native.load(handle(), blacklist, file.toString());
    }

    /** {@link Native#unload}. */
    public boolean unload(String blacklist) {
        return Native.unload(handle(), blacklist);
    }

    /** {@link Native#status}. */
    public byte[] status() {
        return Native.status(handle());
    }

    /** {@link Native#check}. */
    public byte[] check(
        String blacklist,
        byte[] options,
        byte[] batch,
        int length,
        int observables,
        int[] places,
        byte[] contexts,
        int contextsLength,
        int documents
    ) {
        return Native.check(handle(), blacklist, options, batch, length, observables, places, contexts, contextsLength, documents);
    }

    /** {@link Native#checkLines}. */
    public byte[] checkLines(String blacklist, byte[] options, byte[] lines, int length, int documents) {
        return Native.checkLines(handle(), blacklist, options, lines, length, documents);
    }

    private long handle() {
        if (failure != null) {
            throw new NativeException(NativeException.UNAVAILABLE, failure);
        }
        return handle;
    }

    @Override
    public void close() {
        if (failure == null) {
            Native.close(handle);
        }
    }
}

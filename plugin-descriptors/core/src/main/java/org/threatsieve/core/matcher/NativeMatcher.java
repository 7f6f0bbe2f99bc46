package org.threatsieve.core.matcher;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.threatsieve.core.Nullable;

/**
 * The matcher in the native library.
 *
 * <p>If the library cannot be loaded or set up, the node starts without a working matcher.
 */
public final class NativeMatcher implements Matcher, Closeable {
    private static final Logger logger = LogManager.getLogger(NativeMatcher.class);

    private final JsonCodec codec;
    private final long handle;
    @Nullable
    private final String failure;
    private final Unchecked unchecked = new Unchecked(System::nanoTime);

    private NativeMatcher(JsonCodec codec, long handle, @Nullable String failure) {
        this.codec = codec;
        this.handle = handle;
        this.failure = failure;
    }

    /**
     * Loads the library and sets it up. Logs a failure and keeps it in {@link #failure}.
     *
     * @param pluginFolder the folder with the library
     * @param configFolder the node's configuration folder
     */
    public static NativeMatcher open(
        Path pluginFolder,
        Path configFolder,
        MatcherOptions options,
        JsonCodec codec
    ) {
        try {
            Library.load(pluginFolder);
            long handle = Native.open(write(codec, options.toMap(configFolder)));
            return new NativeMatcher(codec, handle, null);
        } catch (NativeException e) {
            logger.error(
                "the matcher cannot be used; threat_match processors mark every event as unchecked:"
                    + " {}",
                e.getMessage()
            );
            return new NativeMatcher(codec, 0, e.getMessage());
        }
    }

    @Override
    public String failure() {
        return failure;
    }

    @Override
    public Unchecked unchecked() {
        return unchecked;
    }

    @Override
    public Map<String, Object> inspect(Path file) {
        return read(Native.inspect(handle(), file.toString()));
    }

    @Override
    public void load(String blacklist, Path file) {
        Native.load(handle(), blacklist, file.toString());
    }

    @Override
    public boolean unload(String blacklist) {
        return Native.unload(handle(), blacklist);
    }

    @Override
    public Map<String, Object> status() {
        return read(Native.status(handle()));
    }

    @Override
    public Lookup lookup(String blacklist, Map<String, Object> options) {
        return new Lookup(blacklist, write(codec, options));
    }

    @Override
    public Map<String, Object> check(Lookup lookup, Observables observables) {
        return read(
            Native.check(
                handle(),
                lookup.blacklist(),
                lookup.options(),
                observables.batch().bytes(),
                observables.batch().length(),
                observables.count(),
                observables.places(),
                observables.contexts().bytes(),
                observables.contexts().length(),
                observables.documents()
            )
        );
    }

    @Override
    public Map<String, Object> checkLines(Lookup lookup, Lines lines) {
        return read(
            Native.checkLines(
                handle(),
                lookup.blacklist(),
                lookup.options(),
                lines.lines().bytes(),
                lines.lines().length(),
                lines.documents()
            )
        );
    }

    @Override
    public Served served(String blacklist) {
        return Served.read(ByteBuffer.wrap(Native.served(handle(), blacklist)));
    }

    @Override
    public TermHits checkTerms(Lookup lookup, TermBatch terms) {
        return new TermHits(
            Native.checkTerms(
                handle(),
                lookup.blacklist(),
                lookup.options(),
                terms.buffer().bytes(),
                terms.buffer().length(),
                terms.count()
            )
        );
    }

    private long handle() {
        if (failure != null) {
            throw new NativeException(NativeException.UNAVAILABLE, failure);
        }
        return handle;
    }

    private Map<String, Object> read(@Nullable byte[] json) {
        if (json == null) {
            return null;
        }
        try {
            return codec.read(json);
        } catch (IOException | RuntimeException e) {
            String message = "the library's answer cannot be read: " + e;
            throw new NativeException(NativeException.INTERNAL, message);
        }
    }

    private static byte[] write(JsonCodec codec, Map<String, Object> object) {
        try {
            return codec.write(object);
        } catch (IOException e) {
            String message = "options for the library cannot be written: " + e;
            throw new NativeException(NativeException.INTERNAL, message);
        }
    }

    @Override
    public void close() {
        if (failure == null) {
            Native.close(handle);
        }
    }
}

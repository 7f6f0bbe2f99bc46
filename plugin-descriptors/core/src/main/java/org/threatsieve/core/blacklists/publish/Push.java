package org.threatsieve.core.blacklists.publish;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;

import org.threatsieve.core.Nullable;

/**
 * A request to serve a file: a whole file in its body, or an upload.
 *
 * @param body the file; {@code null} if it was uploaded
 * @param upload the upload's name; {@code null} if the file is in the body
 * @param digest the digest that the file must have, or {@code null}
 * @param allowShrink whether the blacklist may lose any number of entries
 * @param timeout the time to wait for the nodes
 */
public record Push(
    String name,
    @Nullable Body body,
    @Nullable String upload,
    @Nullable String digest,
    boolean allowShrink,
    Duration timeout
) {
    /** A request's body, in the engine's buffers. */
    public interface Body {
        int length();

        void writeTo(OutputStream out) throws IOException;
    }

    /** Bytes that the engine holds on the heap until the request is answered. */
    public int bodyBytes() {
        return body == null ? 0 : body.length();
    }
}

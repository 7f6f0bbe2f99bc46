package org.threatsieve.core.blacklists.load;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.Pointer;

/**
 * A node's progress with one blacklist.
 *
 * @param wanted the content that it should serve
 * @param served the content that it serves; {@code null} if it serves none
 * @param attempts failed attempts to serve {@code wanted}
 * @param kind the kind of the last failure, or {@code null}
 * @param reason the reason of the last failure, or {@code null}
 * @param tookMillis the time that loading took, in milliseconds
 */
public record LoadState(
    Pointer wanted,
    @Nullable Pointer served,
    int attempts,
    @Nullable String kind,
    @Nullable String reason,
    long tookMillis
) {
    /** The node serves what it should. */
    public static final String SERVING = "serving";
    /** The node is about to serve it. */
    public static final String LOADING = "loading";
    /** The node cannot serve it, and the next attempt is not expected to be better. */
    public static final String FAILED = "failed";

    /** The kind of failure when the index cannot be read. Its shard may be about to start. */
    static final String FETCH = "fetch";

    /** Failed attempts to read the index before the state is {@link #FAILED}. */
    private static final int FETCH_ATTEMPTS = 3;

    public static LoadState loading(Pointer wanted, @Nullable Pointer served) {
        return new LoadState(wanted, served, 0, null, null, 0);
    }

    public LoadState serving(long tookMillis) {
        return new LoadState(wanted, wanted, 0, null, null, tookMillis);
    }

    public LoadState failed(String kind, String reason) {
        return new LoadState(wanted, served, attempts + 1, kind, reason, 0);
    }

    public boolean isServing() {
        return wanted.equals(served);
    }

    /** {@link #SERVING}, {@link #LOADING} or {@link #FAILED}. */
    public String state() {
        if (isServing()) {
            return SERVING;
        }
        boolean mayBeStarting = FETCH.equals(kind) && attempts < FETCH_ATTEMPTS;
        return attempts == 0 || mayBeStarting ? LOADING : FAILED;
    }

    /** The state in the node's status. */
    public Map<String, Object> toJson() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("state", state());
        json.put("wanted", Objects.toString(wanted, null));
        json.put("generation", served == null ? null : served.generation());
        json.put("digest", served == null ? null : served.digest());
        json.put("kind", kind);
        json.put("reason", reason);
        json.put("took_ms", tookMillis);
        return json;
    }
}

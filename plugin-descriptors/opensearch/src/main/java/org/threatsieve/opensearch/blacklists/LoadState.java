package org.threatsieve.opensearch.blacklists;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

import org.opensearch.common.Nullable;

/**
 * How a node stands with one blacklist.
 *
 * @param wanted what it should serve; {@code null} for none
 * @param served what it serves; {@code null} for nothing
 * @param attempts failed ones since {@code wanted} became so
 * @param kind of the last failure, or {@code null}
 * @param reason of the last failure, or {@code null}
 * @param tookMillis from learning of {@code wanted} to serving it
 */
record LoadState(@Nullable Pointer wanted, @Nullable Pointer served, int attempts, @Nullable String kind, @Nullable String reason, long tookMillis) {
    /** Fetching is tried again a few times before it is called failed. */
    private static final int ATTEMPTS = 3;

    static final String SERVING = "serving";
    static final String LOADING = "loading";
    static final String FAILED = "failed";

    static LoadState loading(Pointer wanted, @Nullable Pointer served) {
        return new LoadState(wanted, served, 0, null, null, 0);
    }

    LoadState serving(long tookMillis) {
        return new LoadState(wanted, wanted, 0, null, null, tookMillis);
    }

    LoadState failed(String kind, String reason) {
        return new LoadState(wanted, served, attempts + 1, kind, reason, 0);
    }

    boolean isServing() {
        return Objects.equals(wanted, served);
    }

    /** {@link #SERVING} what is wanted, {@link #LOADING} it, or {@link #FAILED}: then the next attempt is not expected to do better soon. */
    String state() {
        if (isServing()) {
            return SERVING;
        }
        return attempts == 0 || Loader.FETCH.equals(kind) && attempts < ATTEMPTS ? LOADING : FAILED;
    }

    /** As in the node's answer. */
    Map<String, Object> json() {
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

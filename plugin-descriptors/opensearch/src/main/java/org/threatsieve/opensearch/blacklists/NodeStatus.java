package org.threatsieve.opensearch.blacklists;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

import org.threatsieve.opensearch.Matcher;

/** What this node says of itself. */
public final class NodeStatus {
    private final Matcher matcher;
    private final Loader loader;

    NodeStatus(Matcher matcher, Loader loader) {
        this.matcher = matcher;
        this.loader = loader;
    }

    /** A failed blacklist is tried again at once. */
    void retry(String name) {
        loader.retry(name);
    }

    /**
     * The library's status as it is, with the state of each blacklist in it:
     * {@code {"version","failure":null|why there is no library,"memory_limit_bytes",...,"blacklists":{NAME:{"state","reason",...}}}}.
     */
    Map<String, Object> now() {
        Map<String, Object> library = matcher.failure() == null ? Json.object(matcher.status()) : Map.of();
        Map<String, Object> counters = Json.object(library, "blacklists");
        Map<String, Object> blacklists = new TreeMap<>();
        loader.states().forEach((name, state) -> {
            Map<String, Object> json = state.json();
            json.putAll(Json.object(counters, name));
            json.put("unchecked", Map.copyOf(matcher.unchecked().of(name)));
            blacklists.put(name, json);
        });
        Map<String, Object> status = new LinkedHashMap<>();
        status.put("version", NodeStatus.class.getPackage().getImplementationVersion());
        status.put("failure", matcher.failure());
        status.putAll(library);
        status.put("blacklists", blacklists);
        return status;
    }
}

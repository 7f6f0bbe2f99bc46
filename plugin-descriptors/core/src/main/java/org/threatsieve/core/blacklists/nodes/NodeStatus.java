package org.threatsieve.core.blacklists.nodes;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

import org.threatsieve.core.blacklists.Json;
import org.threatsieve.core.blacklists.load.Loader;
import org.threatsieve.core.matcher.Matcher;

/** This node's status. */
public final class NodeStatus {
    private final Matcher matcher;
    private final Loader loader;

    public NodeStatus(Matcher matcher, Loader loader) {
        this.matcher = matcher;
        this.loader = loader;
    }

    /** Tries a failed blacklist again at once. */
    public void retry(String name) {
        loader.retry(name);
    }

    /**
     * The library's status, with the state of each blacklist: {@code {"version",
     * "failure":null|(why the library cannot be used),"memory_limit_bytes",...,
     * "blacklists":{NAME:{"state","reason",...}}}}.
     */
    public Map<String, Object> now() {
        Map<String, Object> library = matcher.failure() == null ? matcher.status() : Map.of();
        Map<String, Object> counters = Json.object(library, "blacklists");
        Map<String, Object> blacklists = new TreeMap<>();
        loader.states().forEach((name, state) -> {
            Map<String, Object> json = state.toJson();
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

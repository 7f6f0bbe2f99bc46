package org.threatsieve.core.blacklists.nodes;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.publish.Pointers;
import org.threatsieve.core.blacklists.store.Store;

/** Answers questions about what was pushed and what is served. Calls block. */
public final class Overview {
    private final Pointers pointers;
    private final Store store;
    private final Rollout rollout;

    public Overview(Pointers pointers, Store store, Rollout rollout) {
        this.pointers = pointers;
        this.store = store;
        this.rollout = rollout;
    }

    /** The API's answer: everything that was pushed under a name, newest first. */
    public Map<String, Object> history(String name) {
        List<Manifest> manifests = store.history(name).manifests();
        if (manifests.isEmpty()) {
            throw Refused.missing("name", "nothing was ever pushed as [" + name + "]");
        }
        Pointer current = pointers.now().get(name);
        List<Map<String, Object>> newestFirst = new ArrayList<>();
        for (Manifest manifest : manifests) {
            Map<String, Object> json = manifest.toJson();
            json.put("current", manifest.pointer().equals(current) && manifest.kept());
            newestFirst.add(0, json);
        }
        return Map.of("history", newestFirst);
    }

    /**
     * The API's answer: what ingest nodes should serve, and what each node serves.
     *
     * @param name the blacklist to show; {@code null} for all
     */
    public Map<String, Object> status(@Nullable String name) {
        Map<String, Object> wanted = new LinkedHashMap<>();
        pointers.now().forEach((each, pointer) -> {
            if (name == null || name.equals(each)) {
                wanted.put(
                    each,
                    Map.of("generation", pointer.generation(), "digest", pointer.digest())
                );
            }
        });
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("blacklists", wanted);
        json.put("nodes", rollout.status(name));
        return json;
    }
}

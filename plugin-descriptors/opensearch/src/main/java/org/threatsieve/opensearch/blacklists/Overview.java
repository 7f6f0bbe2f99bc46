package org.threatsieve.opensearch.blacklists;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.Nullable;

/** Answers who pushed what, and what is served. */
public final class Overview {
    private final ClusterService clusterService;
    private final Store store;
    private final Fleet fleet;

    Overview(ClusterService clusterService, Store store, Fleet fleet) {
        this.clusterService = clusterService;
        this.store = store;
        this.fleet = fleet;
    }

    Map<String, Object> history(String name) {
        List<Manifest> manifests = store.history(name).manifests();
        if (manifests.isEmpty()) {
            throw ThreatsieveRefused.missing("name", "nothing was ever pushed as [" + name + "]");
        }
        Pointer current = Pointers.of(clusterService.state()).get(name);
        List<Map<String, Object>> newestFirst = new ArrayList<>();
        for (Manifest manifest : manifests) {
            Map<String, Object> json = manifest.json();
            json.put("current", manifest.pointer().equals(current) && manifest.kept());
            newestFirst.add(0, json);
        }
        return Map.of("history", newestFirst);
    }

    Map<String, Object> status(@Nullable String name) {
        Map<String, Object> wanted = new LinkedHashMap<>();
        Pointers.of(clusterService.state()).forEach((each, pointer) -> {
            if (name == null || name.equals(each)) {
                wanted.put(each, Map.of("generation", pointer.generation(), "digest", pointer.digest()));
            }
        });
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("blacklists", wanted);
        json.put("nodes", fleet.status(name));
        return json;
    }
}

package org.threatsieve.opensearch.blacklists;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

import org.opensearch.ExceptionsHelper;
import org.opensearch.action.FailedNodeException;
import org.opensearch.cluster.node.DiscoveryNode;
import org.opensearch.cluster.node.DiscoveryNodeRole;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.Nullable;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.transport.ActionNotFoundTransportException;

/** What the cluster's nodes serve, asked of them. */
final class Fleet {
    private static final String NO_PLUGIN = "no plugin";

    /** How long one node may take to answer once. */
    private static final TimeValue ANSWER = TimeValue.timeValueSeconds(10);

    /** Even when the time to wait is over: a node is not called dead before it. */
    private static final TimeValue LEAST_ANSWER = TimeValue.timeValueSeconds(1);

    private static final long FIRST_PAUSE_MILLIS = 10;
    private static final long LAST_PAUSE_MILLIS = 250;

    private final BlacklistIndex index;
    private final ClusterService clusterService;

    Fleet(BlacklistIndex index, ClusterService clusterService) {
        this.index = index;
        this.clusterService = clusterService;
    }

    /**
     * Waits until every ingest node serves what is wanted, or says why not.
     *
     * @param before what was wanted before; this node may not have learned yet that it is not any more
     * @param wanted {@code null}: nothing of that name
     * @return by node, and whether all of them serve it
     */
    Map<String, Object> await(String name, @Nullable Pointer before, @Nullable Pointer wanted, TimeValue timeout) {
        long end = System.nanoTime() + timeout.nanos();
        long pause = FIRST_PAUSE_MILLIS;
        // A node that failed on what is pushed again is to try again now.
        String retry = wanted == null ? null : name;
        while (true) {
            Progress progress = progress(name, wanted, retry, end - System.nanoTime());
            retry = null;
            Pointer now = Pointers.of(clusterService.state()).get(name);
            boolean overtaken = Objects.equals(now, wanted) == false && Objects.equals(now, before) == false;
            if (progress.isOver() || overtaken || System.nanoTime() >= end) {
                Map<String, Object> json = new LinkedHashMap<>();
                json.put("acknowledged", progress.acknowledged);
                if (overtaken) {
                    json.put("overtaken_by", Objects.toString(now, null));
                }
                json.put("nodes", progress.nodes);
                return json;
            }
            try {
                Thread.sleep(pause);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("the node is stopping", e);
            }
            pause = Math.min(LAST_PAUSE_MILLIS, pause * 3 / 2);
        }
    }

    /** How far the ingest nodes are. */
    private static final class Progress {
        final Map<String, Object> nodes = new TreeMap<>();
        boolean acknowledged = true;
        boolean loading;

        /** Waiting longer would not change anything soon. */
        boolean isOver() {
            return loading == false;
        }
    }

    private Progress progress(String name, @Nullable Pointer wanted, @Nullable String retry, long nanosLeft) {
        Progress progress = new Progress();
        Map<String, DiscoveryNode> ingest = clusterService.state().nodes().getIngestNodes();
        if (ingest.isEmpty()) {
            return progress;
        }
        TimeValue answer = TimeValue.timeValueNanos(Math.max(LEAST_ANSWER.nanos(), Math.min(ANSWER.nanos(), nanosLeft)));
        Map<String, Map<String, Object>> answers = ask(answer, new StatusAction.Request(retry, ingest.keySet().toArray(String[]::new)));
        ingest.forEach((identifier, node) -> {
            Map<String, Object> said = answers.getOrDefault(identifier, failure(LoadState.FAILED, "the node has just left or joined"));
            Map<String, Object> blacklist = Json.object(Json.object(said, "blacklists"), name);
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("name", node.getName());
            if (said.containsKey("state")) {
                json.putAll(said);
                progress.acknowledged = false;
                // One that does not answer may do so soon, or leave the cluster.
                progress.loading |= NO_PLUGIN.equals(said.get("state")) == false;
            } else if (wanted == null) {
                json.put("generation", blacklist.get("generation"));
                json.put("state", blacklist.isEmpty() ? "unloaded" : LoadState.LOADING);
                progress.loading |= blacklist.isEmpty() == false;
                progress.acknowledged &= blacklist.isEmpty();
            } else {
                // A node that has not learned of the pointer yet says that it serves the one before.
                boolean knows = wanted.toString().equals(blacklist.get("wanted"));
                String state = knows ? (String) blacklist.get("state") : LoadState.LOADING;
                json.put("generation", blacklist.get("generation"));
                json.put("state", state);
                json.put("kind", blacklist.get("kind"));
                json.put("reason", blacklist.get("reason"));
                json.put("took_ms", blacklist.get("took_ms"));
                progress.loading |= LoadState.LOADING.equals(state);
                progress.acknowledged &= LoadState.SERVING.equals(state);
            }
            progress.nodes.put(identifier, json);
        });
        return progress;
    }

    /** All nodes, with their counters. */
    Map<String, Object> status(@Nullable String name) {
        Map<String, Map<String, Object>> answers = ask(ANSWER, new StatusAction.Request());
        Map<String, Object> nodes = new TreeMap<>();
        for (DiscoveryNode node : clusterService.state().nodes()) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("name", node.getName());
            json.put("roles", node.getRoles().stream().map(DiscoveryNodeRole::roleName).sorted().toList());
            json.put("version", null);
            json.putAll(answers.getOrDefault(node.getId(), failure(LoadState.FAILED, "the node has just left or joined")));
            json.put("blacklists", only(name, json));
            nodes.put(node.getId(), json);
        }
        return nodes;
    }

    private static Map<String, Object> only(@Nullable String name, Map<String, Object> node) {
        Map<String, Object> all = Json.object(node, "blacklists");
        if (name == null) {
            return all;
        }
        return all.containsKey(name) ? Map.of(name, all.get(name)) : Map.of();
    }

    /** By the node's identifier; a node that does not answer has a {@code state} of its own. */
    private Map<String, Map<String, Object>> ask(TimeValue timeout, StatusAction.Request request) {
        StatusAction.Response response = index.execute(StatusAction.INSTANCE, request.timeout(timeout));
        Map<String, Map<String, Object>> answers = new TreeMap<>();
        for (StatusAction.NodeResponse node : response.getNodes()) {
            answers.put(node.getNode().getId(), node.status);
        }
        for (FailedNodeException failure : response.failures()) {
            boolean absent = ExceptionsHelper.unwrap(failure, ActionNotFoundTransportException.class) != null;
            answers.put(failure.nodeId(), absent ? failure(NO_PLUGIN, "the plugin is not installed on this node") : failure(LoadState.FAILED, reason(failure)));
        }
        return answers;
    }

    private static Map<String, Object> failure(String state, String reason) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("state", state);
        json.put("reason", reason);
        return json;
    }

    private static String reason(FailedNodeException failure) {
        Throwable cause = failure.getCause() == null ? failure : ExceptionsHelper.unwrapCause(failure.getCause());
        return "the node does not answer: " + cause.getMessage();
    }
}

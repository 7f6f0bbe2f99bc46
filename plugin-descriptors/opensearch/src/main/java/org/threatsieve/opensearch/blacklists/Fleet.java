package org.threatsieve.opensearch.blacklists;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

import org.opensearch.ExceptionsHelper;
import org.opensearch.action.FailedNodeException;
import org.opensearch.action.support.ContextPreservingActionListener;
import org.opensearch.cluster.node.DiscoveryNode;
import org.opensearch.cluster.node.DiscoveryNodeRole;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.Nullable;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.action.ActionListener;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.ActionNotFoundTransportException;

/** What the cluster's nodes serve, asked of them. */
public final class Fleet {
    private static final String NO_PLUGIN = "no plugin";

    /** How long one node may take to answer once. */
    private static final TimeValue ANSWER = TimeValue.timeValueSeconds(10);

    /** Even when the time to wait is over: a node is not called dead before it. */
    private static final TimeValue LEAST_ANSWER = TimeValue.timeValueSeconds(1);

    private static final long FIRST_PAUSE_MILLIS = 10;
    private static final long LAST_PAUSE_MILLIS = 250;

    private final BlacklistIndex index;
    private final ClusterService clusterService;
    private final ThreadPool threadPool;

    Fleet(BlacklistIndex index, ClusterService clusterService, ThreadPool threadPool) {
        this.index = index;
        this.clusterService = clusterService;
        this.threadPool = threadPool;
    }

    /**
     * Answers when every ingest node serves what is wanted, or says why not, or when the time is over. No thread waits for it.
     *
     * @param listener gets the change's answer: by node, and whether all of them serve it
     */
    void await(Pending pending, ActionListener<Answer> listener) {
        new Waiting(pending, ContextPreservingActionListener.wrapPreservingContext(listener, threadPool.getThreadContext())).ask();
    }

    /** Asks the nodes again and again, with pauses. */
    private final class Waiting implements ActionListener<StatusAction.Response> {
        private final Pending pending;
        private final ActionListener<Answer> listener;
        private final long end;
        private long pauseMillis = FIRST_PAUSE_MILLIS;
        /** A node that failed on what is pushed again is to try again now. */
        private String retry;
        private Map<String, DiscoveryNode> ingest;

        Waiting(Pending pending, ActionListener<Answer> listener) {
            this.pending = pending;
            this.listener = listener;
            end = System.nanoTime() + pending.timeout().nanos();
            retry = pending.wanted() == null ? null : pending.name();
        }

        void ask() {
            try {
                askNodes();
            } catch (RuntimeException e) {
                listener.onFailure(e);
            }
        }

        private void askNodes() {
            ingest = clusterService.state().nodes().getIngestNodes();
            if (ingest.isEmpty()) {
                listener.onResponse(answer(new Progress(), false));
                return;
            }
            long left = Math.max(LEAST_ANSWER.nanos(), Math.min(ANSWER.nanos(), end - System.nanoTime()));
            StatusAction.Request request = new StatusAction.Request(retry, ingest.keySet().toArray(String[]::new));
            index.execute(StatusAction.INSTANCE, request.timeout(TimeValue.timeValueNanos(left)), this);
        }

        @Override
        public void onResponse(StatusAction.Response response) {
            try {
                Answer answer = answer(response);
                if (answer == null) {
                    threadPool.schedule(this::ask, TimeValue.timeValueMillis(pauseMillis), ThreadPool.Names.GENERIC);
                    pauseMillis = Math.min(LAST_PAUSE_MILLIS, pauseMillis * 3 / 2);
                } else {
                    listener.onResponse(answer);
                }
            } catch (RuntimeException e) {
                listener.onFailure(e);
            }
        }

        /** {@code null}: the nodes are to be asked again. */
        private Answer answer(StatusAction.Response response) {
            retry = null;
            Progress progress = progress(pending, ingest, byNode(response));
            Pointer now = Pointers.of(clusterService.state()).get(pending.name());
            // This node may not have learned yet that the one before is not wanted any more.
            boolean overtaken = Objects.equals(now, pending.wanted()) == false && Objects.equals(now, pending.before()) == false;
            return progress.isOver() || overtaken || System.nanoTime() >= end ? answer(progress, overtaken) : null;
        }

        @Override
        public void onFailure(Exception e) {
            listener.onFailure(e);
        }

        private Answer answer(Progress progress, boolean overtaken) {
            Pointer wanted = pending.wanted();
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("acknowledged", progress.acknowledged);
            json.put("name", pending.name());
            json.put("generation", wanted == null ? null : wanted.generation());
            json.put("digest", wanted == null ? null : wanted.digest());
            if (overtaken) {
                json.put("overtaken_by", Objects.toString(Pointers.of(clusterService.state()).get(pending.name()), null));
            }
            json.put("nodes", progress.nodes);
            return new Answer(json);
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

    private static Progress progress(Pending pending, Map<String, DiscoveryNode> ingest, Map<String, Map<String, Object>> answers) {
        Progress progress = new Progress();
        Pointer wanted = pending.wanted();
        ingest.forEach((identifier, node) -> {
            Map<String, Object> said = answers.getOrDefault(identifier, failure(LoadState.FAILED, "the node has just left or joined"));
            Map<String, Object> blacklist = Json.object(Json.object(said, "blacklists"), pending.name());
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
        StatusAction.Request request = new StatusAction.Request();
        Map<String, Map<String, Object>> answers = byNode(index.execute(StatusAction.INSTANCE, request.timeout(ANSWER)));
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
    private static Map<String, Map<String, Object>> byNode(StatusAction.Response response) {
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

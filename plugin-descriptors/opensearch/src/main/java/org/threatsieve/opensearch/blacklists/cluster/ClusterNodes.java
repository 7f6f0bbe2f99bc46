package org.threatsieve.opensearch.blacklists.cluster;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import org.opensearch.ExceptionsHelper;
import org.opensearch.action.FailedNodeException;
import org.opensearch.cluster.node.DiscoveryNode;
import org.opensearch.cluster.node.DiscoveryNodeRole;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.action.ActionListener;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.ActionNotFoundTransportException;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.nodes.Callback;
import org.threatsieve.core.blacklists.nodes.Node;
import org.threatsieve.core.blacklists.nodes.NodeAnswer;
import org.threatsieve.core.blacklists.nodes.Nodes;
import org.threatsieve.opensearch.blacklists.index.BlacklistIndex;

/** The cluster's nodes, from its state, and their status by {@link StatusAction}. */
public final class ClusterNodes implements Nodes {
    private final BlacklistIndex index;
    private final ClusterService clusterService;
    private final ThreadPool threadPool;

    public ClusterNodes(
        BlacklistIndex index,
        ClusterService clusterService,
        ThreadPool threadPool
    ) {
        this.index = index;
        this.clusterService = clusterService;
        this.threadPool = threadPool;
    }

    @Override
    public List<Node> all() {
        return nodes(clusterService.state().nodes());
    }

    @Override
    public List<Node> ingest() {
        return nodes(clusterService.state().nodes().getIngestNodes().values());
    }

    @Override
    public List<Node> data() {
        return all(clusterService.state().nodes()).filter(ClusterNodes::canSearch)
            .map(ClusterNodes::node)
            .toList();
    }

    /** Returns whether a node can hold shards, and so receive searches. */
    private static boolean canSearch(DiscoveryNode node) {
        return node.getRoles().stream().anyMatch(DiscoveryNodeRole::canContainData);
    }

    /** Returns whether a node with these settings ingests events, or can hold shards. */
    public static boolean serves(Settings settings) {
        return DiscoveryNode.getRolesFromSettings(settings)
            .stream()
            .anyMatch(
                role -> role.canContainData() || DiscoveryNodeRole.INGEST_ROLE.equals(role)
            );
    }

    private static Stream<DiscoveryNode> all(Iterable<DiscoveryNode> nodes) {
        return StreamSupport.stream(nodes.spliterator(), false);
    }

    private static List<Node> nodes(Iterable<DiscoveryNode> nodes) {
        return all(nodes).map(ClusterNodes::node).toList();
    }

    private static Node node(DiscoveryNode node) {
        List<String> roles = node.getRoles()
            .stream()
            .map(DiscoveryNodeRole::roleName)
            .sorted()
            .toList();
        return new Node(node.getId(), node.getName(), roles);
    }

    @Override
    public Map<String, NodeAnswer> askAll(Duration timeout) {
        StatusAction.Request request = new StatusAction.Request();
        return answers(index.execute(StatusAction.INSTANCE, request.timeout(time(timeout))));
    }

    @Override
    public void ask(
        List<String> ids,
        @Nullable String retry,
        Duration timeout,
        Callback<Map<String, NodeAnswer>> callback
    ) {
        String[] nodes = ids.toArray(String[]::new);
        StatusAction.Request request = new StatusAction.Request(retry, nodes);
        index.execute(
            StatusAction.INSTANCE,
            request.timeout(time(timeout)),
            ActionListener.wrap(
                response -> callback.done(answers(response)),
                callback::failed
            )
        );
    }

    private static TimeValue time(Duration duration) {
        return TimeValue.timeValueNanos(duration.toNanos());
    }

    private static Map<String, NodeAnswer> answers(StatusAction.Response response) {
        Map<String, NodeAnswer> answers = new TreeMap<>();
        for (StatusAction.NodeResponse node : response.getNodes()) {
            answers.put(node.getNode().getId(), NodeAnswer.of(node.status));
        }
        for (FailedNodeException failure : response.failures()) {
            answers.put(failure.nodeId(), answer(failure));
        }
        return answers;
    }

    static NodeAnswer answer(FailedNodeException failure) {
        if (ExceptionsHelper.unwrap(failure, ActionNotFoundTransportException.class) != null) {
            return NodeAnswer.withoutPlugin();
        }
        Throwable cause = failure.getCause() == null
            ? failure
            : ExceptionsHelper.unwrapCause(failure.getCause());
        return NodeAnswer.failed(cause.getMessage());
    }

    @Override
    public void schedule(Runnable task, Duration delay) {
        threadPool.schedule(task, time(delay), ThreadPool.Names.GENERIC);
    }
}

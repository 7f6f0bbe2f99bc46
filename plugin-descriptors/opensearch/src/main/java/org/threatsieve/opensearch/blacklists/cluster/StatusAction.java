package org.threatsieve.opensearch.blacklists.cluster;

import java.io.IOException;
import java.util.List;
import java.util.Map;

import org.opensearch.action.ActionType;
import org.opensearch.action.FailedNodeException;
import org.opensearch.action.support.nodes.BaseNodeResponse;
import org.opensearch.action.support.nodes.BaseNodesRequest;
import org.opensearch.action.support.nodes.BaseNodesResponse;
import org.opensearch.cluster.ClusterName;
import org.opensearch.cluster.node.DiscoveryNode;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.core.common.io.stream.StreamOutput;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.nodes.NodeStatus;
import org.threatsieve.opensearch.engine.EngineNodeRequest;

/** Asks nodes for their status. Only the plugin itself asks. */
public final class StatusAction extends ActionType<StatusAction.Response> {
    public static final StatusAction INSTANCE = new StatusAction();

    private StatusAction() {
        super("internal:threatsieve/blacklist/status", Response::new);
    }

    static final class Request extends BaseNodesRequest<Request> {
        private static final String[] ALL = {};

        /** A blacklist to try again at once if it failed; {@code null} for none. */
        @Nullable
        final String retry;

        /** Asks all nodes. */
        Request() {
            this(null, ALL);
        }

        Request(@Nullable String retry, String... nodes) {
            super(nodes);
            this.retry = retry;
        }

        Request(StreamInput in) throws IOException {
            super(in);
            retry = in.readOptionalString();
        }

        @Override
        public void writeTo(StreamOutput out) throws IOException {
            super.writeTo(out);
            out.writeOptionalString(retry);
        }
    }

    static final class NodeRequest extends EngineNodeRequest {
        private static final String RETRY = "retry";

        /** Named values. A node with another version of the plugin reads those that it knows. */
        private final Map<String, Object> values;

        NodeRequest(@Nullable String retry) {
            values = retry == null ? Map.of() : Map.of(RETRY, retry);
        }

        NodeRequest(StreamInput in) throws IOException {
            super(in);
            values = in.readMap();
        }

        @Nullable
        String retry() {
            return (String) values.get(RETRY);
        }

        @Override
        public void writeTo(StreamOutput out) throws IOException {
            super.writeTo(out);
            out.writeMap(values);
        }
    }

    /** One node's answer. */
    static final class NodeResponse extends BaseNodeResponse {
        /**
         * A JSON object ({@link NodeStatus}). Other versions of the plugin may have other members.
         */
        final Map<String, Object> status;

        NodeResponse(DiscoveryNode node, Map<String, Object> status) {
            super(node);
            this.status = status;
        }

        NodeResponse(StreamInput in) throws IOException {
            super(in);
            status = in.readMap();
        }

        @Override
        public void writeTo(StreamOutput out) throws IOException {
            super.writeTo(out);
            out.writeMap(status);
        }
    }

    static final class Response extends BaseNodesResponse<NodeResponse> {
        Response(
            ClusterName cluster,
            List<NodeResponse> nodes,
            List<FailedNodeException> failures
        ) {
            super(cluster, nodes, failures);
        }

        Response(StreamInput in) throws IOException {
            super(in);
        }

        @Override
        protected List<NodeResponse> readNodesFrom(StreamInput in) throws IOException {
            return in.readList(NodeResponse::new);
        }

        @Override
        protected void writeNodesTo(StreamOutput out, List<NodeResponse> nodes)
            throws IOException {
            out.writeList(nodes);
        }
    }
}

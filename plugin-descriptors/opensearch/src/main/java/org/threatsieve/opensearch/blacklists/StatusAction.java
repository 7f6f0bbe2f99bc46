package org.threatsieve.opensearch.blacklists;

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
import org.opensearch.common.Nullable;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.core.common.io.stream.StreamOutput;
import org.threatsieve.opensearch.engine.EngineNodeRequest;

/** Asks nodes what they serve. Asked by the plugin itself alone. */
final class StatusAction extends ActionType<StatusAction.Response> {
    static final StatusAction INSTANCE = new StatusAction();

    private StatusAction() {
        super("internal:threatsieve/blacklist/status", Response::new);
    }

    static final class Request extends BaseNodesRequest<Request> {
        private static final String[] ALL = {};

        /** A blacklist that is to be tried again at once, should it have failed; {@code null} for none. */
        @Nullable
        final String retry;

        /** Of all nodes. */
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

        /** Named values, so that nodes of other plugin versions read what they know. */
        private final Map<String, Object> wishes;

        NodeRequest(@Nullable String retry) {
            wishes = retry == null ? Map.of() : Map.of(RETRY, retry);
        }

        NodeRequest(StreamInput in) throws IOException {
            super(in);
            wishes = in.readMap();
        }

        @Nullable
        String retry() {
            return (String) wishes.get(RETRY);
        }

        @Override
        public void writeTo(StreamOutput out) throws IOException {
            super.writeTo(out);
            out.writeMap(wishes);
        }
    }

    /** One node's answer. */
    static final class NodeResponse extends BaseNodeResponse {
        /** A JSON object, {@link NodeStatus}. Nodes of other plugin versions may say less or more in it, and are understood all the same. */
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
        Response(ClusterName cluster, List<NodeResponse> nodes, List<FailedNodeException> failures) {
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
        protected void writeNodesTo(StreamOutput out, List<NodeResponse> nodes) throws IOException {
            out.writeList(nodes);
        }
    }
}

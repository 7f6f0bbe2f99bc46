package org.threatsieve.opensearch.blacklists.cluster;

import java.io.IOException;
import java.util.List;

import org.opensearch.action.FailedNodeException;
import org.opensearch.action.support.ActionFilters;
import org.opensearch.action.support.nodes.TransportNodesAction;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.inject.Inject;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.TransportService;
import org.threatsieve.core.blacklists.nodes.NodeStatus;

/** Answers with this node's status, at once. To wait for a change, ask again. */
public final class TransportStatus extends TransportNodesAction<
    StatusAction.Request,
    StatusAction.Response,
    StatusAction.NodeRequest,
    StatusAction.NodeResponse> {
    private final NodeStatus status;

    @Inject
    public TransportStatus(
        ThreadPool threadPool,
        ClusterService clusterService,
        TransportService transportService,
        ActionFilters filters,
        NodeStatus status
    ) {
        super(
            StatusAction.INSTANCE.name(),
            threadPool,
            clusterService,
            transportService,
            filters,
            StatusAction.Request::new,
            StatusAction.NodeRequest::new,
            ThreadPool.Names.MANAGEMENT,
            StatusAction.NodeResponse.class
        );
        this.status = status;
    }

    @Override
    protected StatusAction.Response newResponse(
        StatusAction.Request request,
        List<StatusAction.NodeResponse> nodes,
        List<FailedNodeException> failures
    ) {
        return new StatusAction.Response(clusterService.getClusterName(), nodes, failures);
    }

    @Override
    protected StatusAction.NodeRequest newNodeRequest(StatusAction.Request request) {
        return new StatusAction.NodeRequest(request.retry);
    }

    @Override
    protected StatusAction.NodeResponse newNodeResponse(StreamInput in) throws IOException {
        return new StatusAction.NodeResponse(in);
    }

    @Override
    protected StatusAction.NodeResponse nodeOperation(StatusAction.NodeRequest request) {
        if (request.retry() != null) {
            status.retry(request.retry());
        }
        return new StatusAction.NodeResponse(clusterService.localNode(), status.now());
    }
}

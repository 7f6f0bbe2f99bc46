package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.util.Objects;

import org.opensearch.action.support.ActionFilters;
import org.opensearch.action.support.clustermanager.TransportClusterManagerNodeAction;
import org.opensearch.cluster.ClusterState;
import org.opensearch.cluster.ClusterStateUpdateTask;
import org.opensearch.cluster.block.ClusterBlockException;
import org.opensearch.cluster.block.ClusterBlockLevel;
import org.opensearch.cluster.metadata.IndexNameExpressionResolver;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.Priority;
import org.opensearch.common.inject.Inject;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.action.ActionListener;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.TransportService;

/**
 * Exchanges a pointer on the cluster manager, in the thread that alone changes the cluster state. The node that takes a push decides whether it is
 * newer, and may do so on an old state, beside another push on another node. Since it names the pointer on which it decided, and this one is compared
 * and exchanged in one step, a push that was overtaken changes nothing, and is decided again.
 */
public final class TransportSetPointer extends TransportClusterManagerNodeAction<SetPointerAction.Request, SetPointerAction.Response> {
    @Inject
    public TransportSetPointer(
        TransportService transportService,
        ClusterService clusterService,
        ThreadPool threadPool,
        ActionFilters filters,
        IndexNameExpressionResolver resolver
    ) {
        super(SetPointerAction.INSTANCE.name(), transportService, clusterService, threadPool, filters, SetPointerAction.Request::new, resolver);
    }

    @Override
    protected String executor() {
        return ThreadPool.Names.SAME;
    }

    @Override
    protected SetPointerAction.Response read(StreamInput in) throws IOException {
        return new SetPointerAction.Response(in);
    }

    @Override
    protected ClusterBlockException checkBlock(SetPointerAction.Request request, ClusterState state) {
        return state.blocks().globalBlockedException(ClusterBlockLevel.METADATA_WRITE);
    }

    /** Whether it takes something away that is served: that does not wait behind pushes while the cluster state travels slowly. */
    private static boolean isEmergency(SetPointerAction.Request request) {
        return request.wanted == null || request.expected != null && request.wanted.generation() < request.expected.generation();
    }

    @Override
    protected void clusterManagerOperation(
        SetPointerAction.Request request,
        ClusterState state,
        ActionListener<SetPointerAction.Response> listener
    ) {
        String source = "threatsieve: blacklist [" + request.name + "] becomes [" + request.wanted + "]";
        clusterService.submitStateUpdateTask(source, new ClusterStateUpdateTask(isEmergency(request) ? Priority.IMMEDIATE : Priority.URGENT) {
            private Pointer found;

            @Override
            public ClusterState execute(ClusterState current) {
                found = Pointers.of(current).get(request.name);
                return Objects.equals(found, request.expected) ? Pointers.with(current, request.name, request.wanted) : current;
            }

            @Override
            public void onFailure(String source, Exception e) {
                listener.onFailure(e);
            }

            @Override
            public void clusterStateProcessed(String source, ClusterState before, ClusterState after) {
                listener.onResponse(new SetPointerAction.Response(found));
            }

            @Override
            public TimeValue timeout() {
                return request.clusterManagerNodeTimeout();
            }
        });
    }
}

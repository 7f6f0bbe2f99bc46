package org.threatsieve.opensearch.blacklists.cluster;

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
import org.threatsieve.core.blacklists.Pointer;

/**
 * Replaces a pointer on the cluster manager, in the one thread that changes the cluster's state.
 *
 * <p>The node that receives a push decides whether it is newer. It may decide on an old state,
 * while another node decides on another push. So it names the pointer on which it decided. This
 * class compares that pointer and replaces it in one step: a push that was overtaken changes
 * nothing, and is decided again.
 */
public final class TransportSetPointer extends TransportClusterManagerNodeAction<
    SetPointerAction.Request,
    SetPointerAction.Response> {
    @Inject
    public TransportSetPointer(
        TransportService transportService,
        ClusterService clusterService,
        ThreadPool threadPool,
        ActionFilters filters,
        IndexNameExpressionResolver resolver
    ) {
        super(
            SetPointerAction.INSTANCE.name(),
            transportService,
            clusterService,
            threadPool,
            filters,
            SetPointerAction.Request::new,
            resolver
        );
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
    protected ClusterBlockException checkBlock(
        SetPointerAction.Request request,
        ClusterState state
    ) {
        return state.blocks().globalBlockedException(ClusterBlockLevel.METADATA_WRITE);
    }

    /**
     * The priority. Removing a bad blacklist does not wait behind pushes if the cluster is slow.
     */
    static Priority priority(SetPointerAction.Request request) {
        Pointer expected = request.expected;
        Pointer wanted = request.wanted;
        boolean removes = wanted == null
            || expected != null && wanted.generation() < expected.generation();
        return removes ? Priority.IMMEDIATE : Priority.URGENT;
    }

    @Override
    protected void clusterManagerOperation(
        SetPointerAction.Request request,
        ClusterState state,
        ActionListener<SetPointerAction.Response> listener
    ) {
        String name = request.name;
        String source = "threatsieve: blacklist [" + name + "] becomes [" + request.wanted + "]";
        clusterService.submitStateUpdateTask(source, new ClusterStateUpdateTask(priority(request)) {
            private Pointer found;

            @Override
            public ClusterState execute(ClusterState current) {
                found = ClusterPointers.of(current).get(name);
                return Objects.equals(found, request.expected)
                    ? ClusterPointers.with(current, name, request.wanted)
                    : current;
            }

            @Override
            public void onFailure(String source, Exception e) {
                listener.onFailure(e);
            }

            @Override
            public void clusterStateProcessed(
                String source,
                ClusterState before,
                ClusterState after
            ) {
                listener.onResponse(new SetPointerAction.Response(found));
            }

            @Override
            public TimeValue timeout() {
                return request.clusterManagerNodeTimeout();
            }
        });
    }
}

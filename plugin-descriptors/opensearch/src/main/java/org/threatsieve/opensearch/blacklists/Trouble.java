package org.threatsieve.opensearch.blacklists;

import org.opensearch.ExceptionsHelper;
import org.opensearch.OpenSearchTimeoutException;
import org.opensearch.action.NoShardAvailableActionException;
import org.opensearch.action.UnavailableShardsException;
import org.opensearch.cluster.block.ClusterBlockException;
import org.opensearch.cluster.coordination.FailedToCommitClusterStateException;
import org.opensearch.core.common.breaker.CircuitBreakingException;
import org.opensearch.core.concurrency.OpenSearchRejectedExecutionException;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.discovery.ClusterManagerNotDiscoveredException;
import org.opensearch.index.IndexNotFoundException;
import org.opensearch.index.shard.IllegalIndexShardStateException;
import org.opensearch.index.shard.ShardNotFoundException;
import org.opensearch.indices.IndexClosedException;
import org.opensearch.transport.TransportException;

/** The server's own failures, named for whoever asked. */
final class Trouble {
    private static final String INDEX = "[" + BlacklistIndex.NAME + "]";

    private Trouble() {}

    /** Whether it may be over in seconds: a shard of the index is starting, or between two nodes. */
    static boolean isPassing(Exception failure) {
        return cause(failure, IllegalIndexShardStateException.class) != null
            || cause(failure, NoShardAvailableActionException.class) != null
            || cause(failure, ShardNotFoundException.class) != null;
    }

    /** The same failure with a kind and, where there is one, a remedy. */
    static ThreatsieveRefused refused(Exception failure) {
        if (cause(failure, ThreatsieveRefused.class) instanceof ThreatsieveRefused refused) {
            return refused;
        }
        String reason = ExceptionsHelper.unwrapCause(failure).getMessage();
        RestStatus status = ExceptionsHelper.status(failure);
        if (cause(failure, IndexClosedException.class) != null) {
            return ThreatsieveRefused.conflict("closed", "the index " + INDEX + " is closed: open it, and try again");
        }
        if (cause(failure, ClusterBlockException.class) != null) {
            return ThreatsieveRefused.with(status, "blocked", "the cluster does not allow it now: " + reason + "; remove the block, and try again");
        }
        if (cause(failure, CircuitBreakingException.class) != null || cause(failure, OpenSearchRejectedExecutionException.class) != null) {
            return ThreatsieveRefused.busy("busy", "this node has too much to do, try again later: " + reason);
        }
        if (isPassing(failure)
            || cause(failure, UnavailableShardsException.class) != null
            || cause(failure, IndexNotFoundException.class) != null
            || cause(failure, OpenSearchTimeoutException.class) != null) {
            return ThreatsieveRefused.unable("index", "the index " + INDEX + " does not answer: " + reason + "; look at its health, and try again");
        }
        if (cause(failure, ClusterManagerNotDiscoveredException.class) != null
            || cause(failure, FailedToCommitClusterStateException.class) != null
            || cause(failure, TransportException.class) != null) {
            return ThreatsieveRefused.unable("cluster", "the cluster does not answer: " + reason + "; ask what is served before trying again");
        }
        return ThreatsieveRefused.with(status, "internal", failure.toString());
    }

    private static Throwable cause(Exception failure, Class<? extends Throwable> type) {
        return ExceptionsHelper.unwrap(failure, type);
    }
}

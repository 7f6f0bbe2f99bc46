package org.threatsieve.opensearch.blacklists.rest;

import org.opensearch.ExceptionsHelper;
import org.opensearch.OpenSearchTimeoutException;
import org.opensearch.action.UnavailableShardsException;
import org.opensearch.cluster.block.ClusterBlockException;
import org.opensearch.cluster.coordination.FailedToCommitClusterStateException;
import org.opensearch.core.common.breaker.CircuitBreakingException;
import org.opensearch.core.concurrency.OpenSearchRejectedExecutionException;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.discovery.ClusterManagerNotDiscoveredException;
import org.opensearch.index.IndexNotFoundException;
import org.opensearch.indices.IndexClosedException;
import org.opensearch.transport.TransportException;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.opensearch.blacklists.index.BlacklistIndex;

/** Turns failures into refusals with a kind and, if possible, a remedy. */
final class EngineFailures {
    private static final String INDEX = "[" + Documents.INDEX + "]";

    private EngineFailures() {}

    /** Returns whether a failure was unforeseen, so that the node's log needs all of it. */
    static boolean isUnforeseen(Exception failure) {
        return has(failure, Refused.class) == false;
    }

    static ThreatsieveRefused refused(Exception failure) {
        if (ExceptionsHelper.unwrap(failure, Refused.class) instanceof Refused refused) {
            return ThreatsieveRefused.of(refused);
        }
        String reason = ExceptionsHelper.unwrapCause(failure).getMessage();
        RestStatus status = ExceptionsHelper.status(failure);
        if (has(failure, IndexClosedException.class)) {
            String message = "the index " + INDEX + " is closed: open it, and try again";
            return ThreatsieveRefused.of(Refused.conflict("closed", message));
        }
        if (has(failure, ClusterBlockException.class)) {
            String message = "the cluster blocks it now: "
                + reason
                + "; remove the block, and try again";
            return new ThreatsieveRefused(status, "blocked", message);
        }
        if (has(
            failure,
            CircuitBreakingException.class,
            OpenSearchRejectedExecutionException.class
        )) {
            String message = "this node has too much to do, try again later: " + reason;
            return ThreatsieveRefused.of(Refused.busy("busy", message));
        }
        boolean indexFails = BlacklistIndex.isPassing(failure)
            || has(
                failure,
                UnavailableShardsException.class,
                IndexNotFoundException.class,
                OpenSearchTimeoutException.class
            );
        if (indexFails) {
            String message = "the index "
                + INDEX
                + " does not answer: "
                + reason
                + "; look at its health, and try again";
            return ThreatsieveRefused.of(Refused.unable("index", message));
        }
        if (has(
            failure,
            ClusterManagerNotDiscoveredException.class,
            FailedToCommitClusterStateException.class,
            TransportException.class
        )) {
            String message = "the cluster does not answer: "
                + reason
                + "; ask what is served before you try again";
            return ThreatsieveRefused.of(Refused.unable("cluster", message));
        }
        return new ThreatsieveRefused(status, "internal", failure.toString());
    }

    private static boolean has(Exception failure, Class<?>... types) {
        return ExceptionsHelper.unwrap(failure, types) != null;
    }
}

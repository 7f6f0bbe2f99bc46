package org.threatsieve.opensearch.blacklists.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;

import org.junit.jupiter.api.Test;
import org.opensearch.OpenSearchTimeoutException;
import org.opensearch.cluster.block.ClusterBlockException;
import org.opensearch.cluster.metadata.IndexMetadata;
import org.opensearch.cluster.coordination.FailedToCommitClusterStateException;
import org.opensearch.core.concurrency.OpenSearchRejectedExecutionException;
import org.opensearch.core.index.Index;
import org.opensearch.discovery.ClusterManagerNotDiscoveredException;
import org.opensearch.index.IndexNotFoundException;
import org.opensearch.indices.IndexClosedException;
import org.opensearch.transport.RemoteTransportException;
import org.threatsieve.core.blacklists.Refused;

class EngineFailuresTest {
    /** The status and the kind of a failure's refusal. */
    private static String of(Exception failure) {
        ThreatsieveRefused refused = EngineFailures.refused(failure);
        String kind = refused.getMetadata("opensearch.kind").get(0);
        return refused.status().getStatus() + " " + kind;
    }

    private static Exception remote(Exception cause) {
        return new RemoteTransportException("node", cause);
    }

    @Test
    void refusalsOfTheCoreStay() {
        Exception refused = Refused.conflict("older", "expected a higher generation");
        assertEquals("409 older", of(refused));
        assertEquals("409 older", of(remote(refused)));
        assertEquals(
            "expected a higher generation",
            EngineFailures.refused(refused).getMessage()
        );
        assertFalse(EngineFailures.isUnforeseen(refused));
        assertTrue(EngineFailures.isUnforeseen(new IllegalStateException("broken")));
        assertEquals("400 a", of(Refused.input("a", "")));
        assertEquals("404 a", of(Refused.missing("a", "")));
        assertEquals("429 a", of(Refused.busy("a", "")));
        assertEquals("503 a", of(Refused.unable("a", "")));
    }

    @Test
    void failuresOfTheEngineHaveKinds() {
        Index index = new Index(".threatsieve-blacklists", "uuid");
        assertEquals("409 closed", of(new IndexClosedException(index)));
        assertEquals(
            "403 blocked",
            of(new ClusterBlockException(Set.of(IndexMetadata.INDEX_WRITE_BLOCK)))
        );
        assertEquals("429 busy", of(new OpenSearchRejectedExecutionException("full")));
        assertEquals("503 index", of(remote(new IndexNotFoundException("x"))));
        assertEquals("503 index", of(new OpenSearchTimeoutException("slow")));
        assertEquals("503 cluster", of(new ClusterManagerNotDiscoveredException()));
        assertEquals("503 cluster", of(new FailedToCommitClusterStateException("none")));
        assertEquals("500 internal", of(new IllegalStateException("broken")));
    }
}

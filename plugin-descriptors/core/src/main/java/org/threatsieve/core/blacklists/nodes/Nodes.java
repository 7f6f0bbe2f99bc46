package org.threatsieve.core.blacklists.nodes;

import java.time.Duration;
import java.util.List;
import java.util.Map;

import org.threatsieve.core.Nullable;

/** The nodes of the cluster. */
public interface Nodes {
    /** All nodes. */
    List<Node> all();

    /** The nodes with the ingest role. */
    List<Node> ingest();

    /** The nodes that search: those with a role that can hold shards. */
    List<Node> data();

    /** Asks all nodes for their status. Blocks. The answers are by node identifier. */
    Map<String, NodeAnswer> askAll(Duration timeout);

    /**
     * Asks nodes for their status. Does not block.
     *
     * @param retry a blacklist that the nodes try again at once if it failed, or {@code null}
     * @param callback receives the answers, by node identifier
     */
    void ask(
        List<String> ids,
        @Nullable String retry,
        Duration timeout,
        Callback<Map<String, NodeAnswer>> callback
    );

    /** Runs a task on any thread after a delay. */
    void schedule(Runnable task, Duration delay);
}

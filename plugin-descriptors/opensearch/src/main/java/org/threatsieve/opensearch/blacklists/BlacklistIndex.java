package org.threatsieve.opensearch.blacklists;

import java.util.concurrent.TimeUnit;

import org.opensearch.ResourceAlreadyExistsException;
import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionType;
import org.opensearch.action.admin.indices.create.CreateIndexAction;
import org.opensearch.action.admin.indices.create.CreateIndexRequest;
import org.opensearch.action.support.PlainActionFuture;
import org.opensearch.cluster.ClusterState;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.common.util.concurrent.ThreadContext;
import org.opensearch.core.action.ActionListener;
import org.opensearch.core.action.ActionResponse;
import org.opensearch.gateway.GatewayService;
import org.opensearch.indices.SystemIndexDescriptor;
import org.threatsieve.opensearch.engine.EngineClient;

/**
 * The hidden system index that holds what was pushed, and the plugin's own requests. They are the plugin's and not the user's who asked for something: a
 * user needs no right on the index, on cluster settings or on other nodes. They block, and run on the plugin's threads.
 *
 * <p>Three kinds of documents: {@code part} (a piece of a file), {@code upload} (what was declared of one), {@code blacklist} ({@link History}).
 */
final class BlacklistIndex {
    static final String NAME = ".threatsieve-blacklists";

    static final SystemIndexDescriptor DESCRIPTOR = new SystemIndexDescriptor(NAME, "Threatsieve: pushed blacklists and who pushed them");

    /** How long one request may take. A stored part is 4 MiB; what takes longer is out of order. */
    private static final TimeValue TIMEOUT = TimeValue.timeValueMinutes(1);

    /** Nothing but what finds old parts is indexed: parts are read by their identifier. */
    private static final String MAPPING = """
        {
          "dynamic": "strict",
          "properties": {
            "kind": { "type": "keyword" },
            "name": { "type": "keyword" },
            "content": { "type": "keyword" },
            "stored_at": { "type": "date" },
            "stored_by": { "type": "keyword", "index": false, "doc_values": false },
            "part": { "type": "integer", "index": false, "doc_values": false },
            "bytes": { "type": "long", "index": false, "doc_values": false },
            "digest": { "type": "keyword", "index": false, "doc_values": false },
            "data": { "type": "binary" },
            "manifests": { "type": "object", "enabled": false }
          }
        }
        """;

    private static final long FIRST_PAUSE_MILLIS = 50;
    private static final long LAST_PAUSE_MILLIS = 1000;

    private final EngineClient client;
    private final ClusterService clusterService;
    private final TimeValue patience;

    /** @param patience how long to wait for a shard that is on its way, as after a restart of its node */
    BlacklistIndex(EngineClient client, ClusterService clusterService, TimeValue patience) {
        this.client = client;
        this.clusterService = clusterService;
        this.patience = patience;
    }

    boolean exists() {
        return state().metadata().hasIndex(NAME);
    }

    /** The cluster's state, once it is known: a node that has just started sees neither the index nor what is wanted. */
    ClusterState state() {
        long end = System.nanoTime() + patience.nanos();
        while (clusterService.state().blocks().hasGlobalBlock(GatewayService.STATE_NOT_RECOVERED_BLOCK)) {
            if (System.nanoTime() > end) {
                throw ThreatsieveRefused.unable("cluster", "the cluster's state is not recovered: try again when its health says so");
            }
            pause(FIRST_PAUSE_MILLIS);
        }
        return clusterService.state();
    }

    void create() {
        if (exists()) {
            return;
        }
        // A second copy where there is a second node. Nodes keep the files they serve themselves, so more copies would only take room.
        Settings settings = Settings.builder()
            .put("index.number_of_shards", 1)
            .put("index.auto_expand_replicas", "0-1")
            .put("index.hidden", true)
            .build();
        try {
            execute(CreateIndexAction.INSTANCE, new CreateIndexRequest(NAME).settings(settings).mapping(MAPPING));
        } catch (ResourceAlreadyExistsException e) {
            // Another push has made it meanwhile.
        }
    }

    /** Sends a request as the plugin itself and waits for its answer. */
    <Q extends ActionRequest, R extends ActionResponse> R execute(ActionType<R> action, Q request) {
        long end = System.nanoTime() + patience.nanos();
        for (long pause = FIRST_PAUSE_MILLIS;; pause = Math.min(LAST_PAUSE_MILLIS, pause * 2)) {
            PlainActionFuture<R> answer = PlainActionFuture.newFuture();
            execute(action, request, answer);
            try {
                return answer.actionGet(TIMEOUT);
            } catch (RuntimeException e) {
                if (Trouble.isPassing(e) == false || System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(pause) > end) {
                    throw e;
                }
            }
            pause(pause);
        }
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("the node is stopping", e);
        }
    }

    /** Sends a request as the plugin itself; its answer comes on another thread. */
    @SuppressWarnings("try")
    <Q extends ActionRequest, R extends ActionResponse> void execute(ActionType<R> action, Q request, ActionListener<R> listener) {
        try (ThreadContext.StoredContext ignored = client.threadPool().getThreadContext().stashContext()) {
            client.execute(action, request, listener);
        }
    }
}

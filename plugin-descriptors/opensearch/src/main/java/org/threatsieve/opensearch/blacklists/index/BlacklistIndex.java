package org.threatsieve.opensearch.blacklists.index;

import java.util.concurrent.TimeUnit;

import org.opensearch.ExceptionsHelper;
import org.opensearch.ResourceAlreadyExistsException;
import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionType;
import org.opensearch.action.NoShardAvailableActionException;
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
import org.opensearch.index.shard.IllegalIndexShardStateException;
import org.opensearch.index.shard.ShardNotFoundException;
import org.opensearch.indices.SystemIndexDescriptor;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.opensearch.engine.EngineClient;

/**
 * The hidden system index, and the plugin's requests.
 *
 * <p>Requests are made as the plugin, and not as the user who asked: a user needs no rights on the
 * index, on cluster settings or on other nodes. They block, so they run on the plugin's threads.
 */
public final class BlacklistIndex {
    public static final SystemIndexDescriptor DESCRIPTOR = new SystemIndexDescriptor(
        Documents.INDEX,
        "Threatsieve: pushed blacklists and who pushed them"
    );

    /** The longest that one request may take. A stored part has 256 KiB: longer is a failure. */
    private static final TimeValue TIMEOUT = TimeValue.timeValueMinutes(1);

    /** Only what finds old documents is indexed. Parts are read by their identifier. */
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
    private static final long MAX_PAUSE_MILLIS = 1000;

    private final EngineClient client;
    private final ClusterService clusterService;
    private final TimeValue patience;

    /**
     * @param patience the time to wait for a shard that is starting, as after a restart of its node
     */
    public BlacklistIndex(EngineClient client, ClusterService clusterService, TimeValue patience) {
        this.client = client;
        this.clusterService = clusterService;
        this.patience = patience;
    }

    boolean exists() {
        return recoveredState().metadata().hasIndex(Documents.INDEX);
    }

    /**
     * The cluster's state, when it is recovered. A node that has just started sees neither the
     * index nor the pointers.
     */
    public ClusterState recoveredState() {
        long end = System.nanoTime() + patience.nanos();
        while (isRecovered(clusterService.state()) == false) {
            if (System.nanoTime() - end > 0) {
                String reason = "the cluster's state is not recovered: try again when its health says so";
                throw Refused.unable("cluster", reason);
            }
            pause(FIRST_PAUSE_MILLIS);
        }
        return clusterService.state();
    }

    /** Returns whether a state has the cluster's settings and indices. */
    public static boolean isRecovered(ClusterState state) {
        return state.blocks().hasGlobalBlock(GatewayService.STATE_NOT_RECOVERED_BLOCK) == false;
    }

    void create() {
        if (exists()) {
            return;
        }
        // A second copy if there is a second node. Nodes keep the files that they serve, so more
        // copies would only take space.
        Settings settings = Settings.builder()
            .put("index.number_of_shards", 1)
            .put("index.auto_expand_replicas", "0-1")
            .put("index.hidden", true)
            .build();
        CreateIndexRequest request = new CreateIndexRequest(Documents.INDEX).settings(settings);
        try {
            execute(CreateIndexAction.INSTANCE, request.mapping(MAPPING));
        } catch (ResourceAlreadyExistsException e) {
            // Another push has made it meanwhile.
        }
    }

    /** Makes a request as the plugin and waits for the answer. */
    public <Q extends ActionRequest, R extends ActionResponse> R execute(
        ActionType<R> action,
        Q request
    ) {
        long end = System.nanoTime() + patience.nanos();
        for (long pause = FIRST_PAUSE_MILLIS;; pause = Math.min(MAX_PAUSE_MILLIS, pause * 2)) {
            PlainActionFuture<R> answer = PlainActionFuture.newFuture();
            execute(action, request, answer);
            try {
                return answer.actionGet(TIMEOUT);
            } catch (RuntimeException e) {
                long next = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(pause);
                if (isPassing(e) == false || next - end > 0) {
                    throw e;
                }
            }
            pause(pause);
        }
    }

    /** Returns whether a failure may be over in seconds: a shard is starting or moving. */
    public static boolean isPassing(Exception failure) {
        return ExceptionsHelper.unwrap(
            failure,
            IllegalIndexShardStateException.class,
            NoShardAvailableActionException.class,
            ShardNotFoundException.class
        ) != null;
    }

    private static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("the node is stopping", e);
        }
    }

    /** Makes a request as the plugin. The answer comes on another thread. */
    @SuppressWarnings("try")
    public <Q extends ActionRequest, R extends ActionResponse> void execute(
        ActionType<R> action,
        Q request,
        ActionListener<R> listener
    ) {
        ThreadContext context = client.threadPool().getThreadContext();
        try (ThreadContext.StoredContext ignored = context.stashContext()) {
            client.execute(action, request, listener);
        }
    }
}

package org.threatsieve.opensearch.blacklists;

import java.util.Collection;
import java.util.List;

import org.opensearch.action.ActionRequest;
import org.opensearch.cluster.node.DiscoveryNode;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.action.ActionResponse;
import org.opensearch.env.NodeEnvironment;
import org.opensearch.indices.SystemIndexDescriptor;
import org.opensearch.plugins.ActionPlugin.ActionHandler;
import org.opensearch.rest.RestHandler;
import org.opensearch.threadpool.ExecutorBuilder;
import org.opensearch.threadpool.FixedExecutorBuilder;
import org.opensearch.threadpool.ThreadPool;
import org.threatsieve.opensearch.Matcher;
import org.threatsieve.opensearch.engine.EngineClient;

/**
 * Brings blacklists to the matchers of all ingest nodes.
 *
 * <p>{@link Publisher} takes a push on whichever node gets it: it verifies the file, puts it into {@link Store} and moves the pointer ({@link Pointers}) to it.
 * {@link Loader} on each ingest node sees the pointer move, fetches the content and has the matcher switch. {@link Fleet} asks the nodes how far they are.
 */
public final class Blacklists {
    /** Pushes at a time on one node, and those that wait for a place; each holds its file on the heap until it is on disk. */
    private static final int PUSHES = 2;
    private static final int PUSHES_WAITING = 20;

    /** Rollbacks and deletions, the same. */
    private static final int ROLLBACKS = 2;
    private static final int ROLLBACKS_WAITING = 100;

    /** Parts of uploads, the same. */
    private static final int UPLOADS = 2;
    private static final int UPLOADS_WAITING = 10;

    /** How long a user's request waits for a shard of the index that is on its way. */
    private static final TimeValue PATIENCE = TimeValue.timeValueSeconds(30);

    private Blacklists() {}

    public static List<Setting<?>> settings() {
        return List.of(Pointers.SETTING, Admission.MAX_SHRINK, Publisher.KEEP);
    }

    public static List<ExecutorBuilder<?>> executors(Settings settings) {
        return List.of(
            pool(settings, Loader.POOL, 1, -1),
            pool(settings, UserAction.PUSHES, PUSHES, PUSHES_WAITING),
            pool(settings, UserAction.ROLLBACKS, ROLLBACKS, ROLLBACKS_WAITING),
            pool(settings, UserAction.UPLOADS, UPLOADS, UPLOADS_WAITING)
        );
    }

    private static FixedExecutorBuilder pool(Settings settings, String name, int threads, int waiting) {
        return new FixedExecutorBuilder(settings, name, threads, waiting, "thread_pool." + name);
    }

    public static Collection<SystemIndexDescriptor> indices() {
        return List.of(BlacklistIndex.DESCRIPTOR);
    }

    public static List<ActionHandler<? extends ActionRequest, ? extends ActionResponse>> actions() {
        return List.of(
            new ActionHandler<>(UserAction.PUT, UserAction.Put.class),
            new ActionHandler<>(UserAction.UPLOAD, UserAction.Upload.class),
            new ActionHandler<>(UserAction.GET, UserAction.Get.class),
            new ActionHandler<>(UserAction.HISTORY, UserAction.History.class),
            new ActionHandler<>(UserAction.ROLLBACK, UserAction.Rollback.class),
            new ActionHandler<>(UserAction.DELETE, UserAction.Delete.class),
            new ActionHandler<>(SetPointerAction.INSTANCE, TransportSetPointer.class),
            new ActionHandler<>(StatusAction.INSTANCE, TransportStatus.class)
        );
    }

    public static List<RestHandler> handlers() {
        return Endpoint.all();
    }

    /** What the server starts, stops and gives to the actions. */
    public static Collection<Object> components(
        EngineClient client,
        ClusterService clusterService,
        ThreadPool threadPool,
        NodeEnvironment nodeEnvironment,
        Matcher matcher
    ) {
        BlacklistIndex index = new BlacklistIndex(client, clusterService, PATIENCE);
        Store store = new Store(index);
        LocalFiles files = LocalFiles.of(nodeEnvironment);
        // It tries again by itself, and loads others meanwhile.
        Store impatient = new Store(new BlacklistIndex(client, clusterService, TimeValue.ZERO));
        Loader loader = new Loader(clusterService, threadPool, impatient, matcher, files);
        Publisher publisher = new Publisher(clusterService, index, store, matcher, files);
        Fleet fleet = new Fleet(index, clusterService, threadPool);
        Overview overview = new Overview(clusterService, store, fleet);
        NodeStatus status = new NodeStatus(matcher, loader);
        // Only what is given to the server is started: a node that ingests nothing loads nothing.
        return DiscoveryNode.isIngestNode(clusterService.getSettings())
            ? List.of(loader, publisher, fleet, overview, status)
            : List.of(publisher, fleet, overview, status);
    }
}

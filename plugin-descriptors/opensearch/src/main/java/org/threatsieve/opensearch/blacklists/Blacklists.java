package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Collection;
import java.util.List;

import org.opensearch.action.ActionRequest;
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
import org.threatsieve.core.blacklists.LocalFiles;
import org.threatsieve.core.blacklists.load.Loader;
import org.threatsieve.core.blacklists.nodes.NodeStatus;
import org.threatsieve.core.blacklists.nodes.Overview;
import org.threatsieve.core.blacklists.nodes.Rollout;
import org.threatsieve.core.blacklists.publish.Pointers;
import org.threatsieve.core.blacklists.publish.Publisher;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.opensearch.blacklists.cluster.ClusterNodes;
import org.threatsieve.opensearch.blacklists.cluster.ClusterPointers;
import org.threatsieve.opensearch.blacklists.cluster.DynamicSettings;
import org.threatsieve.opensearch.blacklists.cluster.LoaderService;
import org.threatsieve.opensearch.blacklists.cluster.SetPointerAction;
import org.threatsieve.opensearch.blacklists.cluster.StatusAction;
import org.threatsieve.opensearch.blacklists.cluster.TransportSetPointer;
import org.threatsieve.opensearch.blacklists.cluster.TransportStatus;
import org.threatsieve.opensearch.blacklists.index.BlacklistIndex;
import org.threatsieve.opensearch.blacklists.index.IndexDocuments;
import org.threatsieve.opensearch.blacklists.rest.Endpoint;
import org.threatsieve.opensearch.blacklists.rest.UserAction;
import org.threatsieve.opensearch.engine.EngineClient;

/**
 * Brings blacklists to the matchers of all nodes that ingest or search. This class connects the
 * core with the engine.
 *
 * <p>Any node receives a push: {@link Publisher} verifies the file, writes it into the index
 * ({@link Documents}) and moves the pointer ({@link Pointers}) to it. On each such node, {@link
 * Loader} sees the pointer move, fetches the content and makes the matcher switch. {@link Rollout}
 * asks the nodes for their progress.
 */
public final class Blacklists {
    /** Pushes at a time on one node. Each holds its file on the heap until it is on disk. */
    private static final int PUSHES = 2;
    private static final int PUSHES_WAITING = 20;

    /** Rollbacks and deletions at a time on one node. */
    private static final int ROLLBACKS = 2;
    private static final int ROLLBACKS_WAITING = 100;

    /** Parts of uploads at a time on one node. */
    private static final int UPLOADS = 2;
    private static final int UPLOADS_WAITING = 10;

    /** The time that a user's request waits for a shard of the index that is starting. */
    private static final TimeValue PATIENCE = TimeValue.timeValueSeconds(30);

    private Blacklists() {}

    public static List<Setting<?>> settings() {
        return List.of(
            ClusterPointers.SETTING,
            DynamicSettings.MAX_SHRINK,
            DynamicSettings.KEPT_GENERATIONS
        );
    }

    public static List<ExecutorBuilder<?>> executors(Settings settings) {
        return List.of(
            pool(settings, LoaderService.POOL, 1, -1),
            pool(settings, UserAction.PUSHES, PUSHES, PUSHES_WAITING),
            pool(settings, UserAction.ROLLBACKS, ROLLBACKS, ROLLBACKS_WAITING),
            pool(settings, UserAction.UPLOADS, UPLOADS, UPLOADS_WAITING)
        );
    }

    private static FixedExecutorBuilder pool(
        Settings settings,
        String name,
        int threads,
        int waiting
    ) {
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
            new ActionHandler<>(UserAction.DELETE_TEMPORARY, UserAction.DeleteTemporary.class),
            new ActionHandler<>(SetPointerAction.INSTANCE, TransportSetPointer.class),
            new ActionHandler<>(StatusAction.INSTANCE, TransportStatus.class)
        );
    }

    public static List<RestHandler> handlers() {
        return Endpoint.all();
    }

    /** The objects that the engine starts, stops, and passes to the actions. */
    public static Collection<Object> components(
        EngineClient client,
        ClusterService clusterService,
        ThreadPool threadPool,
        NodeEnvironment nodeEnvironment,
        Matcher matcher
    ) {
        Clock clock = Clock.systemUTC();
        LocalFiles files = new LocalFiles(folder(nodeEnvironment));

        BlacklistIndex index = new BlacklistIndex(client, clusterService, PATIENCE);
        Documents documents = new IndexDocuments(index);
        Store store = new Store(documents, clock);
        Pointers pointers = new ClusterPointers(clusterService, index);
        Publisher publisher = new Publisher(
            pointers,
            documents,
            store,
            matcher,
            files,
            new DynamicSettings(clusterService)
        );
        ClusterNodes nodes = new ClusterNodes(index, clusterService, threadPool);
        Rollout rollout = new Rollout(pointers, nodes);
        Overview overview = new Overview(pointers, store, rollout);

        // The loader does not wait for a shard: it tries again, and loads others meanwhile.
        BlacklistIndex impatient = new BlacklistIndex(client, clusterService, TimeValue.ZERO);
        Store impatientStore = new Store(new IndexDocuments(impatient), clock);
        Loader loader = new Loader(
            LoaderService.thread(threadPool),
            impatientStore,
            matcher,
            files
        );
        NodeStatus status = new NodeStatus(matcher, loader);

        // A node that neither ingests nor searches does not start the loader, and so loads nothing.
        return ClusterNodes.serves(clusterService.getSettings())
            ? List.of(
                new LoaderService(clusterService, loader),
                publisher,
                rollout,
                overview,
                status
            )
            : List.of(publisher, rollout, overview, status);
    }

    private static Path folder(NodeEnvironment node) {
        if (node.hasNodeFile()) {
            return node.nodeDataPaths()[0].resolve("threatsieve");
        }
        // With `node.local_storage: false`, a node keeps nothing over a restart.
        try {
            return Files.createTempDirectory("threatsieve");
        } catch (IOException e) {
            throw new UncheckedIOException("no folder for blacklists", e);
        }
    }
}

package org.threatsieve.opensearch.engine;

import java.util.Collection;
import java.util.function.Supplier;

import org.opensearch.client.Client;
import org.opensearch.cluster.metadata.IndexNameExpressionResolver;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.core.common.io.stream.NamedWriteableRegistry;
import org.opensearch.core.xcontent.NamedXContentRegistry;
import org.opensearch.env.Environment;
import org.opensearch.env.NodeEnvironment;
import org.opensearch.plugins.Plugin;
import org.opensearch.repositories.RepositoriesService;
import org.opensearch.script.ScriptService;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.watcher.ResourceWatcherService;

/** A plugin whose entry points have the same signatures on both release lines. */
public abstract class EnginePlugin extends Plugin {
    /** Makes the plugin's parts, after the processors and before the node joins a cluster. */
    protected abstract Collection<Object> createComponents(
        EngineClient client,
        ClusterService clusterService,
        ThreadPool threadPool,
        NodeEnvironment nodeEnvironment
    );

    @Override
    public final Collection<Object> createComponents(
        Client client,
        ClusterService clusterService,
        ThreadPool threadPool,
        ResourceWatcherService resourceWatcherService,
        ScriptService scriptService,
        NamedXContentRegistry xContentRegistry,
        Environment environment,
        NodeEnvironment nodeEnvironment,
        NamedWriteableRegistry namedWriteableRegistry,
        IndexNameExpressionResolver indexNameExpressionResolver,
        Supplier<RepositoriesService> repositoriesServiceSupplier
    ) {
        EngineClient engineClient = new EngineClient(client);
        return createComponents(engineClient, clusterService, threadPool, nodeEnvironment);
    }
}

package org.threatsieve.opensearch;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

import org.opensearch.action.ActionRequest;
import org.opensearch.cluster.metadata.IndexNameExpressionResolver;
import org.opensearch.cluster.node.DiscoveryNodes;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.ClusterSettings;
import org.opensearch.common.settings.IndexScopedSettings;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.settings.SettingsFilter;
import org.opensearch.core.action.ActionResponse;
import org.opensearch.env.Environment;
import org.opensearch.env.NodeEnvironment;
import org.opensearch.indices.SystemIndexDescriptor;
import org.opensearch.ingest.Processor;
import org.opensearch.plugins.IngestPlugin;
import org.opensearch.plugins.SearchPlugin;
import org.opensearch.plugins.SystemIndexPlugin;
import org.opensearch.rest.RestController;
import org.opensearch.rest.RestHandler;
import org.opensearch.threadpool.ExecutorBuilder;
import org.opensearch.threadpool.ThreadPool;
import org.threatsieve.core.matcher.NativeMatcher;
import org.threatsieve.core.processor.ThreatMatch;
import org.threatsieve.opensearch.blacklists.Blacklists;
import org.threatsieve.opensearch.engine.EngineClient;
import org.threatsieve.opensearch.engine.EnginePlugin;
import org.threatsieve.opensearch.engine.Privileged;
import org.threatsieve.opensearch.ingest.ThreatMatchFactory;
import org.threatsieve.opensearch.query.QueryService;
import org.threatsieve.opensearch.query.QuerySettings;
import org.threatsieve.opensearch.query.ThreatMatchQueryBuilder;

/**
 * The plugin: the matcher, the processor and the query that ask it, and the calls that bring
 * blacklists to it.
 */
public final class ThreatsievePlugin extends EnginePlugin
    implements
        IngestPlugin,
        SearchPlugin,
        SystemIndexPlugin {
    /** The plugin's name, and the name of its folder. */
    private static final String NAME = "threatsieve";

    private final NativeMatcher matcher;
    private final QueryService queries;

    /**
     * Called by the engine. The node would not start if this threw an exception; it throws none.
     */
    public ThreatsievePlugin(Settings settings, Path configFolder) {
        Path home = Path.of(Environment.PATH_HOME_SETTING.get(settings)).toAbsolutePath();
        Path folder = home.resolve("plugins").resolve(NAME);
        this.matcher = Privileged.call(
            () -> NativeMatcher.open(
                folder,
                configFolder,
                NodeSettings.matcherOptions(settings),
                new XContentCodec()
            )
        );
        this.queries = new QueryService(
            matcher,
            NodeSettings.QUERY_MAX_TIME.get(settings).nanos(),
            NodeSettings.QUERY_CACHE_SIZE.get(settings).getBytes()
        );
    }

    @Override
    public List<Setting<?>> getSettings() {
        List<Setting<?>> settings = new ArrayList<>(NodeSettings.all());
        settings.addAll(Blacklists.settings());
        settings.add(QuerySettings.ENABLED);
        return settings;
    }

    @Override
    public List<ExecutorBuilder<?>> getExecutorBuilders(Settings settings) {
        return Blacklists.executors(settings);
    }

    @Override
    public Collection<SystemIndexDescriptor> getSystemIndexDescriptors(Settings settings) {
        return Blacklists.indices();
    }

    @Override
    public List<ActionHandler<? extends ActionRequest, ? extends ActionResponse>> getActions() {
        return Blacklists.actions();
    }

    @Override
    public List<RestHandler> getRestHandlers(
        Settings settings,
        RestController restController,
        ClusterSettings clusterSettings,
        IndexScopedSettings indexScopedSettings,
        SettingsFilter settingsFilter,
        IndexNameExpressionResolver indexNameExpressionResolver,
        Supplier<DiscoveryNodes> nodesInCluster
    ) {
        return Blacklists.handlers();
    }

    @Override
    public Map<String, Processor.Factory> getProcessors(Processor.Parameters parameters) {
        return Map.of(ThreatMatch.TYPE, new ThreatMatchFactory(matcher));
    }

    @Override
    public List<QuerySpec<?>> getQueries() {
        return List.of(
            new QuerySpec<>(
                ThreatMatchQueryBuilder.NAME,
                in -> new ThreatMatchQueryBuilder(in, queries),
                parser -> ThreatMatchQueryBuilder.read(parser, queries)
            )
        );
    }

    @Override
    protected Collection<Object> createComponents(
        EngineClient client,
        ClusterService clusterService,
        ThreadPool threadPool,
        NodeEnvironment nodeEnvironment
    ) {
        queries.follow(clusterService);
        return Blacklists.components(
            client,
            clusterService,
            threadPool,
            nodeEnvironment,
            matcher
        );
    }

    @Override
    public void close() {
        matcher.close();
    }
}

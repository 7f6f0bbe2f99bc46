package org.threatsieve.opensearch;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.NodeEnvironment;
import org.opensearch.ingest.Processor;
import org.opensearch.plugins.ActionPlugin;
import org.opensearch.plugins.IngestPlugin;
import org.opensearch.threadpool.ThreadPool;
import org.threatsieve.opensearch.engine.EngineClient;
import org.threatsieve.opensearch.engine.EnginePlugin;
import org.threatsieve.opensearch.processor.ThreatMatchFactory;
import org.threatsieve.opensearch.processor.ThreatMatchProcessor;

/** Joins the plugin's parts: the matcher, the processor that asks it, and what brings blacklists to it. */
public final class ThreatsievePlugin extends EnginePlugin implements IngestPlugin, ActionPlugin {
    private final Matcher matcher;

    /** Called by the server, which stops when this throws; it does not. */
    public ThreatsievePlugin(Settings settings, Path configFolder) {
        this.matcher = Matcher.open(settings, configFolder);
    }

    @Override
    public List<Setting<?>> getSettings() {
        return new ArrayList<>(NodeSettings.all());
    }

    @Override
    public Map<String, Processor.Factory> getProcessors(Processor.Parameters parameters) {
        return Map.of(ThreatMatchProcessor.TYPE, new ThreatMatchFactory(matcher));
    }

    @Override
    protected Collection<Object> createComponents(
        EngineClient client,
        ClusterService clusterService,
        ThreadPool threadPool,
        NodeEnvironment nodeEnvironment
    ) {
        return List.of(client, matcher);
    }

    @Override
    public void close() {
        matcher.close();
    }
}

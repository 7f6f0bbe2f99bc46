package org.threatsieve.opensearch.blacklists.cluster;

import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.ClusterSettings;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;
import org.threatsieve.core.blacklists.publish.PublishSettings;

/** The cluster's settings for pushes. */
public final class DynamicSettings implements PublishSettings {
    public static final Setting<Double> MAX_SHRINK = Setting.doubleSetting(
        "threatsieve.max_shrink",
        0.5,
        0,
        1,
        Property.Dynamic,
        Property.NodeScope
    );

    public static final Setting<Integer> KEPT_GENERATIONS = Setting.intSetting(
        "threatsieve.kept_generations",
        1,
        1,
        20,
        Property.Dynamic,
        Property.NodeScope
    );

    private volatile double maxShrink;
    private volatile int keptGenerations;

    public DynamicSettings(ClusterService clusterService) {
        maxShrink = MAX_SHRINK.get(clusterService.getSettings());
        keptGenerations = KEPT_GENERATIONS.get(clusterService.getSettings());
        ClusterSettings settings = clusterService.getClusterSettings();
        settings.addSettingsUpdateConsumer(MAX_SHRINK, value -> maxShrink = value);
        settings.addSettingsUpdateConsumer(KEPT_GENERATIONS, value -> keptGenerations = value);
    }

    @Override
    public double maxShrink() {
        return maxShrink;
    }

    @Override
    public int keptGenerations() {
        return keptGenerations;
    }
}

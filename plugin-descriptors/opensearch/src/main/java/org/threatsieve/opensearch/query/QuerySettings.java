package org.threatsieve.opensearch.query;

import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;

/** The cluster's settings for queries. */
public final class QuerySettings {
    /** Switches {@code threat_match} queries on. */
    public static final Setting<Boolean> ENABLED = Setting.boolSetting(
        "threatsieve.query.enabled",
        true,
        Property.Dynamic,
        Property.NodeScope
    );

    private QuerySettings() {}
}

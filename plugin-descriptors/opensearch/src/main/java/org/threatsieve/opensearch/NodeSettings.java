package org.threatsieve.opensearch;

import java.util.List;

import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.unit.RatioValue;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.common.util.concurrent.OpenSearchExecutors;
import org.opensearch.core.common.unit.ByteSizeUnit;
import org.opensearch.core.common.unit.ByteSizeValue;
import org.opensearch.monitor.os.OsProbe;
import org.threatsieve.core.matcher.MatcherOptions;

/** The settings of a node, in opensearch.yml. */
public final class NodeSettings {
    /**
     * Memory outside the JVM's heap for all blacklists, and for loading the next one: bytes, or a
     * share of the machine's memory.
     */
    public static final Setting<ByteSizeValue> MEMORY_LIMIT = new Setting<>(
        "threatsieve.memory_limit",
        "25%",
        text -> bytesOrShareOfMemory("threatsieve.memory_limit", text),
        Property.NodeScope
    );

    /** The longest that looking up one batch may take. */
    public static final Setting<TimeValue> DEADLINE = Setting.timeSetting(
        "threatsieve.deadline",
        TimeValue.timeValueMillis(100),
        TimeValue.timeValueMillis(8),
        TimeValue.timeValueMinutes(1),
        Property.NodeScope
    );

    /** Memory that one call may use, without the blacklist. */
    public static final Setting<ByteSizeValue> INSTANCE_MEMORY = Setting.byteSizeSetting(
        "threatsieve.instance_memory",
        new ByteSizeValue(64, ByteSizeUnit.MB),
        new ByteSizeValue(16, ByteSizeUnit.MB),
        new ByteSizeValue(1, ByteSizeUnit.GB),
        Property.NodeScope
    );

    /** Calls at a time that find an instance ready. Further calls make their own. */
    public static final Setting<Integer> INSTANCES = new Setting<>(
        "threatsieve.instances",
        settings -> Integer.toString(OpenSearchExecutors.allocatedProcessors(settings)),
        text -> Setting.parseInt(text, 1, 1024, "threatsieve.instances"),
        Property.NodeScope
    );

    /**
     * The file with the public key (Ed25519, PEM) that blacklists must be signed with, below the
     * node's configuration folder. Empty: blacklists need no signature.
     */
    public static final Setting<String> TRUSTED_KEY = Setting.simpleString(
        "threatsieve.trusted_key",
        Property.NodeScope
    );

    /**
     * The longest that one query may look up the terms of one shard. Long enough for a segment with
     * hundreds of millions of terms: a segment that is not done is begun again.
     */
    public static final Setting<TimeValue> QUERY_MAX_TIME = Setting.timeSetting(
        "threatsieve.query.max_time",
        TimeValue.timeValueMinutes(2),
        TimeValue.timeValueNanos(1),
        TimeValue.timeValueHours(1),
        Property.NodeScope
    );

    /** The heap for documents that queries found: bytes, or a share of the heap. */
    public static final Setting<ByteSizeValue> QUERY_CACHE_SIZE = Setting.memorySizeSetting(
        "threatsieve.query.cache_size",
        "1%",
        Property.NodeScope
    );

    private NodeSettings() {}

    static List<Setting<?>> all() {
        return List.of(
            MEMORY_LIMIT,
            DEADLINE,
            INSTANCE_MEMORY,
            INSTANCES,
            TRUSTED_KEY,
            QUERY_MAX_TIME,
            QUERY_CACHE_SIZE
        );
    }

    /** The matcher's options from the node's settings. */
    static MatcherOptions matcherOptions(Settings settings) {
        return new MatcherOptions(
            DEADLINE.get(settings).millis(),
            MEMORY_LIMIT.get(settings).getBytes(),
            INSTANCE_MEMORY.get(settings).getBytes(),
            INSTANCES.get(settings),
            TRUSTED_KEY.get(settings)
        );
    }

    private static ByteSizeValue bytesOrShareOfMemory(String key, String text) {
        if (text.endsWith("%") == false) {
            return ByteSizeValue.parseBytesSizeValue(text, key);
        }
        long memory = OsProbe.getInstance().getTotalPhysicalMemorySize();
        if (memory == 0) {
            throw new IllegalArgumentException(
                "["
                    + key
                    + "] is "
                    + text
                    + " of this machine's memory, but its size is unknown: give bytes, such as 2gb"
            );
        }
        double share = RatioValue.parseRatioValue(text).getAsRatio();
        return new ByteSizeValue((long) (memory * share));
    }
}

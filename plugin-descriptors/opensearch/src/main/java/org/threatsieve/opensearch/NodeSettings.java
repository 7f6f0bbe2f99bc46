package org.threatsieve.opensearch;

import java.util.List;

import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;
import org.opensearch.common.unit.RatioValue;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.common.util.concurrent.OpenSearchExecutors;
import org.opensearch.core.common.unit.ByteSizeUnit;
import org.opensearch.core.common.unit.ByteSizeValue;
import org.opensearch.monitor.os.OsProbe;

/** The settings of a node, in opensearch.yml. */
public final class NodeSettings {
    /** Memory for all blacklists together and for loading the next one, outside the JVM's heap: bytes, or a share of the machine's memory. */
    public static final Setting<ByteSizeValue> MEMORY_LIMIT = new Setting<>(
        "threatsieve.memory_limit",
        "25%",
        text -> bytesOrShareOfMemory("threatsieve.memory_limit", text),
        Property.NodeScope
    );

    /** The longest that looking one batch up may take. */
    public static final Setting<TimeValue> DEADLINE = Setting.timeSetting(
        "threatsieve.deadline",
        TimeValue.timeValueMillis(100),
        TimeValue.timeValueMillis(8),
        TimeValue.timeValueMinutes(1),
        Property.NodeScope
    );

    /** Memory that one call may use besides the blacklist. */
    public static final Setting<ByteSizeValue> INSTANCE_MEMORY = Setting.byteSizeSetting(
        "threatsieve.instance_memory",
        new ByteSizeValue(64, ByteSizeUnit.MB),
        new ByteSizeValue(16, ByteSizeUnit.MB),
        new ByteSizeValue(1, ByteSizeUnit.GB),
        Property.NodeScope
    );

    /** Calls at a time that find an instance ready; further ones make their own. */
    public static final Setting<Integer> INSTANCES = new Setting<>(
        "threatsieve.instances",
        settings -> Integer.toString(OpenSearchExecutors.allocatedProcessors(settings)),
        text -> Setting.parseInt(text, 1, 1024, "threatsieve.instances"),
        Property.NodeScope
    );

    /** The file of the public key (Ed25519, PEM) that blacklists must be signed with, below the node's configuration folder; none when empty. */
    public static final Setting<String> TRUSTED_KEY = Setting.simpleString("threatsieve.trusted_key", Property.NodeScope);

    private NodeSettings() {}

    static List<Setting<?>> all() {
        return List.of(MEMORY_LIMIT, DEADLINE, INSTANCE_MEMORY, INSTANCES, TRUSTED_KEY);
    }

    private static ByteSizeValue bytesOrShareOfMemory(String key, String text) {
        if (text.endsWith("%") == false) {
            return ByteSizeValue.parseBytesSizeValue(text, key);
        }
        long memory = OsProbe.getInstance().getTotalPhysicalMemorySize();
        if (memory == 0) {
            throw new IllegalArgumentException("[" + key + "] is " + text + " of this machine's memory, whose size is not known: give bytes, such as 2gb");
        }
        return new ByteSizeValue((long) (memory * RatioValue.parseRatioValue(text).getAsRatio()));
    }
}

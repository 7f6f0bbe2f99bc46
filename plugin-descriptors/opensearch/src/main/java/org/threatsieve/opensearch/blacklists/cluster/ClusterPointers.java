package org.threatsieve.opensearch.blacklists.cluster;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.opensearch.ExceptionsHelper;
import org.opensearch.cluster.ClusterState;
import org.opensearch.cluster.metadata.Metadata;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;
import org.opensearch.common.settings.Settings;
import org.opensearch.transport.ActionNotFoundTransportException;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.BlacklistName;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.publish.Pointers;
import org.threatsieve.opensearch.blacklists.index.BlacklistIndex;

/**
 * The pointers, as persistent cluster settings {@code threatsieve.blacklist.NAME}. Every node
 * learns of a change with the cluster's state, whenever it joins. Only {@link TransportSetPointer}
 * writes them. Transient settings of these names are ignored.
 */
public final class ClusterPointers implements Pointers {
    private static final String PREFIX = "threatsieve.blacklist.";

    public static final Setting.AffixSetting<String> SETTING = Setting.prefixKeySetting(
        PREFIX,
        key -> Setting.simpleString(
            key,
            text -> validate(key, text),
            Property.Dynamic,
            Property.NodeScope
        )
    );

    private final ClusterService clusterService;
    private final BlacklistIndex index;

    public ClusterPointers(ClusterService clusterService, BlacklistIndex index) {
        this.clusterService = clusterService;
        this.index = index;
    }

    private static void validate(String key, String text) {
        String name = key.substring(PREFIX.length());
        if (BlacklistName.isValid(name) == false) {
            throw new IllegalArgumentException(
                "expected a blacklist's name, " + BlacklistName.EXPECTED + ", got [" + name + "]"
            );
        }
        if (text.isEmpty() == false) {
            Pointer.parse(text);
        }
    }

    @Override
    public Map<String, Pointer> now() {
        return of(clusterService.state());
    }

    @Override
    public Map<String, Pointer> recovered() {
        return of(index.recoveredState());
    }

    @Override
    public Pointer exchange(String name, @Nullable Pointer expected, @Nullable Pointer wanted) {
        SetPointerAction.Request request = new SetPointerAction.Request(name, expected, wanted);
        try {
            return index.execute(SetPointerAction.INSTANCE, request).found;
        } catch (RuntimeException e) {
            if (ExceptionsHelper.unwrap(e, ActionNotFoundTransportException.class) != null) {
                String reason = "the cluster manager does not have the plugin: install it on all nodes"
                    + " that may be elected";
                throw Refused.unable("plugin", reason);
            }
            throw e;
        }
    }

    /** The names of the blacklists in a state. */
    public static Set<String> names(ClusterState state) {
        return of(state).keySet();
    }

    /** The pointers in a state, by blacklist. */
    static Map<String, Pointer> of(ClusterState state) {
        Settings settings = state.metadata().persistentSettings();
        Map<String, Pointer> pointers = new TreeMap<>();
        for (String key : settings.keySet()) {
            String text = key.startsWith(PREFIX) ? settings.get(key) : null;
            if (text != null && text.isEmpty() == false) {
                pointers.put(key.substring(PREFIX.length()), Pointer.parse(text));
            }
        }
        return pointers;
    }

    /** A state with another pointer; with {@code null}, without this pointer. */
    static ClusterState with(ClusterState state, String name, @Nullable Pointer pointer) {
        Settings.Builder settings = Settings.builder().put(state.metadata().persistentSettings());
        if (pointer == null) {
            settings.remove(PREFIX + name);
        } else {
            settings.put(PREFIX + name, pointer.toString());
        }
        Metadata.Builder metadata = Metadata.builder(state.metadata());
        return ClusterState.builder(state)
            .metadata(metadata.persistentSettings(settings.build()))
            .build();
    }
}

package org.threatsieve.opensearch.blacklists;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

import org.opensearch.cluster.ClusterState;
import org.opensearch.cluster.metadata.Metadata;
import org.opensearch.common.Nullable;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;
import org.opensearch.common.settings.Settings;

/**
 * What every ingest node should serve: a persistent cluster setting for each blacklist, {@code threatsieve.blacklist.NAME}. All nodes learn of a
 * change with the cluster state, whenever they join. Only {@link TransportSetPointer} writes it; the transient setting of that name is not looked at.
 */
final class Pointers {
    private static final String PREFIX = "threatsieve.blacklist.";
    private static final Pattern NAME = Pattern.compile("[a-z0-9_-]{1,64}");

    static final Setting.AffixSetting<String> SETTING = Setting.prefixKeySetting(
        PREFIX,
        key -> Setting.simpleString(key, text -> validate(key, text), Property.Dynamic, Property.NodeScope)
    );

    private Pointers() {}

    private static void validate(String key, String text) {
        requireName(key.substring(PREFIX.length()));
        if (text.isEmpty() == false) {
            Pointer.parse(text);
        }
    }

    /** A blacklist's name: 1 to 64 of a-z, 0-9, - and _. */
    static String requireName(String name) {
        if (NAME.matcher(name).matches() == false) {
            throw ThreatsieveRefused.input("name", "expected a blacklist's name, 1 to 64 of a-z, 0-9, - and _, got [" + name + "]");
        }
        return name;
    }

    /** By name. */
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

    /** The state with another pointer, or without one. */
    static ClusterState with(ClusterState state, String name, @Nullable Pointer pointer) {
        Settings.Builder settings = Settings.builder().put(state.metadata().persistentSettings());
        if (pointer == null) {
            settings.remove(PREFIX + name);
        } else {
            settings.put(PREFIX + name, pointer.toString());
        }
        return ClusterState.builder(state).metadata(Metadata.builder(state.metadata()).persistentSettings(settings.build())).build();
    }
}

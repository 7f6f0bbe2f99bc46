package org.threatsieve.opensearch.blacklists.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.opensearch.cluster.ClusterName;
import org.opensearch.cluster.ClusterState;
import org.opensearch.cluster.metadata.Metadata;
import org.opensearch.common.settings.Settings;
import org.threatsieve.core.blacklists.Pointer;

class ClusterPointersTest {
    private static final Pointer FIRST = new Pointer(1, "a".repeat(64));
    private static final Pointer SECOND = new Pointer(2, "b".repeat(64));

    private static ClusterState state(Map<String, String> persistent) {
        Settings.Builder settings = Settings.builder();
        persistent.forEach(settings::put);
        return ClusterState.builder(new ClusterName("test"))
            .metadata(Metadata.builder().persistentSettings(settings.build()))
            .build();
    }

    @Test
    void pointersAreReadFromPersistentSettings() {
        ClusterState state = state(
            Map.of(
                "threatsieve.blacklist.office",
                FIRST.toString(),
                "threatsieve.blacklist.cleared",
                "",
                "threatsieve.max_shrink",
                "0.4"
            )
        );
        assertEquals(Map.of("office", FIRST), ClusterPointers.of(state));
    }

    @Test
    void aPointerIsReplacedOrRemovedAndNothingElseChanges() {
        ClusterState before = state(Map.of("threatsieve.max_shrink", "0.4"));
        ClusterState one = ClusterPointers.with(before, "office", FIRST);
        ClusterState two = ClusterPointers.with(one, "home", SECOND);
        assertEquals(Map.of("office", FIRST, "home", SECOND), ClusterPointers.of(two));
        assertEquals(
            Map.of("office", SECOND, "home", SECOND),
            ClusterPointers.of(ClusterPointers.with(two, "office", SECOND))
        );
        ClusterState after = ClusterPointers.with(two, "office", null);
        assertEquals(Map.of("home", SECOND), ClusterPointers.of(after));
        assertEquals("0.4", after.metadata().persistentSettings().get("threatsieve.max_shrink"));
    }

    @Test
    void aSettingMustBeAPointerUnderAName() {
        for (Map<String, String> wrong : List.of(
            Map.of("threatsieve.blacklist.office", "1:abc"),
            Map.of("threatsieve.blacklist.No", FIRST.toString())
        )) {
            Settings.Builder settings = Settings.builder();
            wrong.forEach(settings::put);
            String key = wrong.keySet().iterator().next();
            assertThrows(
                IllegalArgumentException.class,
                () -> ClusterPointers.SETTING.getConcreteSetting(key).get(settings.build())
            );
        }
        Settings right = Settings.builder()
            .put("threatsieve.blacklist.office", FIRST.toString())
            .build();
        assertEquals(
            FIRST.toString(),
            ClusterPointers.SETTING.getConcreteSetting("threatsieve.blacklist.office").get(right)
        );
    }
}

package org.threatsieve.core.blacklists.nodes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.threatsieve.core.blacklists.Manifests.pointer;

import java.nio.file.Path;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.threatsieve.core.blacklists.Json;
import org.threatsieve.core.blacklists.LocalFiles;
import org.threatsieve.core.blacklists.load.DirectThread;
import org.threatsieve.core.blacklists.load.Loader;
import org.threatsieve.core.blacklists.store.MemoryDocuments;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.blacklists.store.TestClock;
import org.threatsieve.core.matcher.FakeMatcher;

class NodeStatusTest {
    @TempDir
    Path folder;
    private final FakeMatcher matcher = new FakeMatcher();

    @Test
    void aBlacklistHasItsStateItsCountersAndItsUncheckedEvents() {
        Loader loader = new Loader(
            new DirectThread(),
            new Store(new MemoryDocuments(), new TestClock()),
            matcher,
            new LocalFiles(folder)
        );
        NodeStatus status = new NodeStatus(matcher, loader);
        matcher.loaded.put("office", 1L);
        loader.follow(Map.of("office", pointer(1)));
        matcher.unchecked().add("office", "deadline", "slow", 3);
        Map<String, Object> now = status.now();
        assertNull(now.get("failure"));
        assertEquals(FakeMatcher.MEMORY_LIMIT, now.get("memory_limit_bytes"));
        Map<String, Object> office = Json.object(Json.object(now, "blacklists"), "office");
        assertEquals("failed", office.get("state"));
        assertEquals(3L, office.get("hits"));
        assertEquals(Map.of("deadline", 3L), office.get("unchecked"));

        matcher.failure = "the library does not load";
        now = status.now();
        assertEquals("the library does not load", now.get("failure"));
        office = Json.object(Json.object(now, "blacklists"), "office");
        assertNull(office.get("hits"));
        assertEquals("missing", office.get("kind"));
        status.retry("office");
        office = Json.object(Json.object(status.now(), "blacklists"), "office");
        assertEquals("unavailable", office.get("kind"));
    }
}

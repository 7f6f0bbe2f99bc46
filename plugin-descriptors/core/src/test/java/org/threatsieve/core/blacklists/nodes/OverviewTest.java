package org.threatsieve.core.blacklists.nodes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.threatsieve.core.blacklists.Manifests.pointer;
import static org.threatsieve.core.blacklists.Manifests.pushed;

import java.io.IOException;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.threatsieve.core.blacklists.Json;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.publish.MemoryPointers;
import org.threatsieve.core.blacklists.store.MemoryDocuments;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.blacklists.store.TestClock;

class OverviewTest {
    private final MemoryPointers pointers = new MemoryPointers();
    private final Store store = new Store(new MemoryDocuments(), new TestClock());
    private final Overview overview = new Overview(
        pointers,
        store,
        new Rollout(pointers, new FakeNodes())
    );

    @Test
    @SuppressWarnings("unchecked")
    void theHistoryIsNewestFirstAndMarksTheServedOne() throws IOException {
        for (long generation : new long[] { 1, 2, 3 }) {
            store.write(store.history("office").pushed(pushed(generation)));
        }
        pointers.pointers.put("office", pointer(2));
        List<Map<String, Object>> history = (List<Map<String, Object>>) overview.history("office")
            .get("history");
        assertEquals(
            List.of("3 false", "2 true", "1 false"),
            history.stream()
                .map(each -> each.get("generation") + " " + each.get("current"))
                .toList()
        );
    }

    @Test
    void aNameThatWasNeverUsedIsMissing() {
        Refused refused = assertThrows(Refused.class, () -> overview.history("office"));
        assertEquals(404, refused.status().code());
    }

    @Test
    void theStatusHasTheWantedContents() {
        pointers.pointers.put("office", pointer(2));
        pointers.pointers.put("home", pointer(7));
        Map<String, Object> wanted = Json.object(overview.status(null), "blacklists");
        assertEquals(2, wanted.size());
        assertEquals(7L, Json.object(wanted, "home").get("generation"));
        assertEquals(pointer(7).digest(), Json.object(wanted, "home").get("digest"));
        assertEquals(1, Json.object(overview.status("home"), "blacklists").size());
    }
}

package org.threatsieve.core.blacklists.nodes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.pointer;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.threatsieve.core.blacklists.Json;
import org.threatsieve.core.blacklists.load.LoadState;
import org.threatsieve.core.blacklists.publish.MemoryPointers;
import org.threatsieve.core.blacklists.publish.PendingChange;

class RolloutTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final PendingChange PUSH = new PendingChange(
        "office",
        pointer(1),
        pointer(2),
        TIMEOUT
    );
    private static final PendingChange DELETION = new PendingChange(
        "office",
        pointer(1),
        null,
        TIMEOUT
    );
    private static final LoadState SERVING = LoadState.loading(pointer(2), pointer(1)).serving(9);
    private static final LoadState LOADING = LoadState.loading(pointer(2), pointer(1));

    private final MemoryPointers pointers = new MemoryPointers();
    private final FakeNodes nodes = new FakeNodes();
    private final Rollout rollout = new Rollout(pointers, nodes);
    private Map<String, Object> answer;
    private Exception failure;

    @BeforeEach
    void setUp() {
        pointers.pointers.put("office", pointer(2));
        nodes.ingest.add(new Node("a", "node-a", List.of("ingest")));
    }

    private void await(PendingChange pending) {
        rollout.await(pending, new Callback<>() {
            @Override
            public void done(Map<String, Object> result) {
                answer = result;
            }

            @Override
            public void failed(Exception why) {
                failure = why;
            }
        });
    }

    private void says(String node, LoadState state) {
        Map<String, Object> blacklists = state == null
            ? Map.of()
            : Map.of("office", state.toJson());
        nodes.answers.put(node, NodeAnswer.of(Map.of("blacklists", blacklists)));
    }

    private String state(String node) {
        return (String) Json.object(Json.object(answer, "nodes"), node).get("state");
    }

    @Test
    void aTemporaryBlacklistWaitsForTheNodesThatHoldShards() {
        nodes.others.add(new Node("b", "node-b", List.of("data")));
        nodes.others.add(new Node("c", "node-c", List.of("cluster_manager")));
        says("a", SERVING);
        says("b", LOADING);
        await(PUSH);
        assertEquals(true, answer.get("acknowledged"));
        assertEquals(Map.of("a", "serving"), states());
        answer = null;
        PendingChange temporary = new PendingChange("_new-x", null, pointer(2), TIMEOUT);
        pointers.pointers.put("_new-x", pointer(2));
        Map<String, Object> serving = Map.of("_new-x", SERVING.toJson());
        nodes.answers.put("a", NodeAnswer.of(Map.of("blacklists", serving)));
        nodes.answers.put("b", NodeAnswer.of(Map.of("blacklists", Map.of())));
        await(temporary);
        assertNull(answer);
        nodes.answers.put("b", NodeAnswer.of(Map.of("blacklists", serving)));
        nodes.scheduled.run();
        assertEquals(true, answer.get("acknowledged"));
        assertEquals(Map.of("a", "serving", "b", "serving"), states());
    }

    private Map<String, String> states() {
        Map<String, String> states = new TreeMap<>();
        Json.object(answer, "nodes").keySet().forEach(node -> states.put(node, state(node)));
        return states;
    }

    @Test
    void aPushIsAcknowledgedWhenEveryIngestNodeServesIt() {
        nodes.ingest.add(new Node("b", "node-b", List.of("ingest")));
        says("a", SERVING);
        says("b", SERVING);
        await(PUSH);
        assertEquals(true, answer.get("acknowledged"));
        assertEquals("office", answer.get("name"));
        assertEquals(2L, answer.get("generation"));
        assertEquals(pointer(2).digest(), answer.get("digest"));
        assertEquals(
            "{name=node-b, generation=2, state=serving, kind=null, reason=null, took_ms=9}",
            Json.object(answer, "nodes").get("b").toString()
        );
    }

    @Test
    void nodesThatAreLoadingAreAskedAgain() {
        says("a", LOADING);
        await(PUSH);
        assertNull(answer);
        nodes.scheduled.run();
        says("a", SERVING);
        nodes.scheduled.run();
        assertEquals(true, answer.get("acknowledged"));
        // Failed nodes try again once, and the pauses grow.
        assertEquals(Arrays.asList("office", null, null), nodes.retries);
        assertEquals(List.of(Duration.ofMillis(10), Duration.ofMillis(15)), nodes.pauses);
        assertEquals(Duration.ofSeconds(10), nodes.timeout);
    }

    @Test
    void aNodeThatDoesNotKnowThePointerYetIsLoading() {
        says("a", LoadState.loading(pointer(1), null).serving(5));
        await(PUSH);
        assertNull(answer);
        says("a", null);
        nodes.scheduled.run();
        assertNull(answer);
    }

    @Test
    void aFailedNodeEndsTheWaiting() {
        says("a", LOADING.failed("io", "no space"));
        await(PUSH);
        assertEquals(false, answer.get("acknowledged"));
        assertEquals(LoadState.FAILED, state("a"));
    }

    @Test
    void aNodeWithoutThePluginIsShownAndNotWaitedFor() {
        nodes.ingest.add(new Node("b", "node-b", List.of("ingest")));
        says("a", SERVING);
        nodes.answers.put("b", NodeAnswer.withoutPlugin());
        await(PUSH);
        assertEquals(false, answer.get("acknowledged"));
        assertEquals("no plugin", state("b"));
    }

    @Test
    void aNodeThatDoesNotAnswerIsWaitedFor() {
        nodes.answers.put("a", NodeAnswer.failed("timeout"));
        await(PUSH);
        assertNull(answer);
        nodes.answers.clear();
        nodes.scheduled.run();
        assertNull(answer);
        says("a", SERVING);
        nodes.scheduled.run();
        assertEquals(true, answer.get("acknowledged"));
    }

    @Test
    void whenTheTimeIsOverTheAnswerSaysHowFarTheyAre() {
        says("a", LOADING);
        await(PUSH.withoutWaiting());
        assertEquals(false, answer.get("acknowledged"));
        assertEquals(LoadState.LOADING, state("a"));
        assertEquals(Duration.ofSeconds(1), nodes.timeout);
    }

    @Test
    void aLaterChangeEndsTheWaiting() {
        says("a", LOADING);
        pointers.pointers.put("office", pointer(3));
        await(PUSH);
        assertEquals(pointer(3).toString(), answer.get("overtaken_by"));
        pointers.pointers.clear();
        await(PUSH);
        assertTrue(answer.containsKey("overtaken_by"));
        assertNull(answer.get("overtaken_by"));
        // This node may still see the pointer before the change.
        answer = null;
        pointers.pointers.put("office", pointer(1));
        await(PUSH);
        assertNull(answer);
    }

    @Test
    void aDeletionIsAcknowledgedWhenNoNodeHasIt() {
        pointers.pointers.clear();
        says("a", SERVING);
        await(DELETION);
        assertNull(answer);
        says("a", null);
        nodes.scheduled.run();
        assertEquals(true, answer.get("acknowledged"));
        assertEquals("unloaded", state("a"));
        assertNull(answer.get("generation"));
        assertEquals(Arrays.asList(null, null), nodes.retries);
    }

    @Test
    void withoutIngestNodesThereIsNothingToWaitFor() {
        nodes.ingest.clear();
        await(PUSH);
        assertEquals(true, answer.get("acknowledged"));
    }

    @Test
    void aFailureReachesTheCaller() {
        nodes.failure = new IllegalStateException("no cluster");
        await(PUSH);
        assertEquals("no cluster", failure.getMessage());
    }

    @Test
    void theStatusHasEveryNode() {
        says("a", SERVING);
        nodes.others.add(new Node("b", "node-b", List.of("data")));
        nodes.others.add(new Node("c", "node-c", List.of("data")));
        nodes.answers.put("b", NodeAnswer.withoutPlugin());
        Map<String, Object> all = rollout.status(null);
        assertEquals(List.of("a", "b", "c"), new ArrayList<>(all.keySet()));
        assertEquals(
            "{name=node-b, roles=[data], version=null, state=no plugin,"
                + " reason=the plugin is not installed on this node, blacklists={}}",
            all.get("b").toString()
        );
        assertEquals("failed", Json.object(all, "c").get("state"));
        assertEquals(1, Json.object(Json.object(all, "a"), "blacklists").size());
        assertEquals(
            Map.of(),
            Json.object(Json.object(rollout.status("other"), "a"), "blacklists")
        );
    }
}

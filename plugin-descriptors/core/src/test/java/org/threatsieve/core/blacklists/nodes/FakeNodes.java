package org.threatsieve.core.blacklists.nodes;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Nodes whose answers the test sets. A scheduled question waits for the test. */
final class FakeNodes implements Nodes {
    final List<Node> ingest = new ArrayList<>();
    final List<Node> others = new ArrayList<>();
    final Map<String, NodeAnswer> answers = new TreeMap<>();
    /** The blacklist to try again, for each question. */
    final List<String> retries = new ArrayList<>();
    final List<Duration> pauses = new ArrayList<>();
    RuntimeException failure;
    Runnable scheduled;
    Duration timeout;

    @Override
    public List<Node> all() {
        List<Node> all = new ArrayList<>(ingest);
        all.addAll(others);
        return all;
    }

    @Override
    public List<Node> ingest() {
        return ingest;
    }

    @Override
    public List<Node> data() {
        return all().stream().filter(node -> node.roles().contains("data")).toList();
    }

    @Override
    public Map<String, NodeAnswer> askAll(Duration timeout) {
        return answers;
    }

    @Override
    public void ask(
        List<String> ids,
        String retry,
        Duration timeout,
        Callback<Map<String, NodeAnswer>> callback
    ) {
        retries.add(retry);
        this.timeout = timeout;
        if (failure == null) {
            callback.done(answers);
        } else {
            callback.failed(failure);
        }
    }

    @Override
    public void schedule(Runnable task, Duration delay) {
        scheduled = task;
        pauses.add(delay);
    }
}

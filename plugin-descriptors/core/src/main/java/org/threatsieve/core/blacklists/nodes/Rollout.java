package org.threatsieve.core.blacklists.nodes;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.BlacklistName;
import org.threatsieve.core.blacklists.Json;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.publish.PendingChange;
import org.threatsieve.core.blacklists.publish.Pointers;

/** Watches the nodes follow changes. */
public final class Rollout {
    /** The longest that a node may take to answer once. */
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(10);

    /** The shortest, even if the time to wait is over: a slower node may well be healthy. */
    private static final Duration MIN_ANSWER_TIMEOUT = Duration.ofSeconds(1);

    private static final long FIRST_PAUSE_MILLIS = 10;
    private static final long MAX_PAUSE_MILLIS = 250;

    private final Pointers pointers;
    private final Nodes nodes;

    public Rollout(Pointers pointers, Nodes nodes) {
        this.pointers = pointers;
        this.nodes = nodes;
    }

    /**
     * Waits until every ingest node serves what is wanted, cannot serve it, or the time is over. A
     * temporary blacklist is for searches, so for it the data nodes count as well. No thread waits.
     *
     * @param callback receives the API's answer to the change
     */
    public void await(PendingChange pending, Callback<Map<String, Object>> callback) {
        new Waiting(pending, callback).ask();
    }

    private List<Node> awaited(String name) {
        List<Node> awaited = new ArrayList<>(nodes.ingest());
        if (BlacklistName.isTemporary(name)) {
            Set<String> known = awaited.stream().map(Node::id).collect(Collectors.toSet());
            nodes.data().stream().filter(node -> known.add(node.id())).forEach(awaited::add);
        }
        return awaited;
    }

    /** Asks the nodes again and again, with pauses. */
    private final class Waiting implements Callback<Map<String, NodeAnswer>> {
        private final PendingChange pending;
        private final Callback<Map<String, Object>> callback;
        private final long endNanos;
        private long pauseMillis = FIRST_PAUSE_MILLIS;
        /** Nodes that failed on what is pushed again try again now. Asked for once. */
        @Nullable
        private String retry;
        private List<Node> awaited;

        Waiting(PendingChange pending, Callback<Map<String, Object>> callback) {
            this.pending = pending;
            this.callback = callback;
            this.endNanos = System.nanoTime() + pending.timeout().toNanos();
            this.retry = pending.wanted() == null ? null : pending.name();
        }

        void ask() {
            try {
                awaited = awaited(pending.name());
                if (awaited.isEmpty()) {
                    callback.done(new Progress(pending, awaited, Map.of()).toJson(false, null));
                    return;
                }
                List<String> ids = awaited.stream().map(Node::id).toList();
                nodes.ask(ids, retry, answerTimeout(), this);
            } catch (RuntimeException e) {
                callback.failed(e);
            }
        }

        private Duration answerTimeout() {
            long left = Math.min(ANSWER_TIMEOUT.toNanos(), endNanos - System.nanoTime());
            return Duration.ofNanos(Math.max(MIN_ANSWER_TIMEOUT.toNanos(), left));
        }

        @Override
        public void done(Map<String, NodeAnswer> answers) {
            try {
                judge(new Progress(pending, awaited, answers));
            } catch (RuntimeException e) {
                callback.failed(e);
            }
        }

        private void judge(Progress progress) {
            retry = null;
            Pointer now = pointers.now().get(pending.name());
            // This node may not have learned of the change yet.
            boolean overtaken = Objects.equals(now, pending.wanted()) == false
                && Objects.equals(now, pending.before()) == false;
            if (progress.isOver() || overtaken || System.nanoTime() - endNanos >= 0) {
                callback.done(progress.toJson(overtaken, now));
                return;
            }
            nodes.schedule(this::ask, Duration.ofMillis(pauseMillis));
            pauseMillis = Math.min(MAX_PAUSE_MILLIS, pauseMillis * 3 / 2);
        }

        @Override
        public void failed(Exception failure) {
            callback.failed(failure);
        }
    }

    /**
     * Returns the status of all nodes. Blocks.
     *
     * @param name the blacklist to show; {@code null} for all
     */
    Map<String, Object> status(@Nullable String name) {
        Map<String, NodeAnswer> answers = nodes.askAll(ANSWER_TIMEOUT);
        Map<String, Object> all = new TreeMap<>();
        for (Node node : nodes.all()) {
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("name", node.name());
            json.put("roles", node.roles());
            json.put("version", null);
            json.putAll(answers.getOrDefault(node.id(), NodeAnswer.absent()).status());
            json.put("blacklists", only(name, Json.object(json, "blacklists")));
            all.put(node.id(), json);
        }
        return all;
    }

    private static Map<String, Object> only(@Nullable String name, Map<String, Object> all) {
        if (name == null) {
            return all;
        }
        return all.containsKey(name) ? Map.of(name, all.get(name)) : Map.of();
    }
}

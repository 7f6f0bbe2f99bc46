package org.threatsieve.core.blacklists.nodes;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.Json;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.load.LoadState;
import org.threatsieve.core.blacklists.publish.PendingChange;

/** The progress of the nodes that are waited for with a change. */
final class Progress {
    private static final String UNLOADED = "unloaded";

    private final PendingChange pending;
    /** By node identifier, for the API's answer. */
    private final Map<String, Object> nodes = new TreeMap<>();
    private boolean acknowledged = true;
    private boolean loading;

    /**
     * Judges answers.
     *
     * @param awaited the nodes that are waited for
     * @param answers their answers, by node identifier
     */
    Progress(PendingChange pending, List<Node> awaited, Map<String, NodeAnswer> answers) {
        this.pending = pending;
        for (Node node : awaited) {
            nodes.put(node.id(), judge(node, answers.getOrDefault(node.id(), NodeAnswer.absent())));
        }
    }

    private Map<String, Object> judge(Node node, NodeAnswer answer) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", node.name());
        if (answer.failure() != null) {
            json.putAll(answer.status());
            acknowledged = false;
            // A node that does not answer may do so soon, or leave the cluster.
            loading |= NodeAnswer.NO_PLUGIN.equals(answer.failure()) == false;
            return json;
        }
        Map<String, Object> blacklists = Json.object(answer.status(), "blacklists");
        Map<String, Object> blacklist = Json.object(blacklists, pending.name());
        json.put("generation", blacklist.get("generation"));
        if (pending.wanted() == null) {
            json.put("state", blacklist.isEmpty() ? UNLOADED : LoadState.LOADING);
            loading |= blacklist.isEmpty() == false;
            acknowledged &= blacklist.isEmpty();
            return json;
        }
        // A node that does not know the pointer yet still says that it serves the one before.
        boolean knows = pending.wanted().toString().equals(blacklist.get("wanted"));
        Object state = knows ? blacklist.get("state") : LoadState.LOADING;
        json.put("state", state);
        json.put("kind", blacklist.get("kind"));
        json.put("reason", blacklist.get("reason"));
        json.put("took_ms", blacklist.get("took_ms"));
        loading |= LoadState.LOADING.equals(state);
        acknowledged &= LoadState.SERVING.equals(state);
        return json;
    }

    /** Returns whether no node is about to change its answer. */
    boolean isOver() {
        return loading == false;
    }

    /**
     * The API's answer to the change.
     *
     * @param overtaken whether a later change was made meanwhile
     * @param now the pointer after it; {@code null} after a deletion
     */
    Map<String, Object> toJson(boolean overtaken, @Nullable Pointer now) {
        Pointer wanted = pending.wanted();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("acknowledged", acknowledged);
        json.put("name", pending.name());
        json.put("generation", wanted == null ? null : wanted.generation());
        json.put("digest", wanted == null ? null : wanted.digest());
        if (overtaken) {
            json.put("overtaken_by", Objects.toString(now, null));
        }
        json.put("nodes", nodes);
        return json;
    }
}

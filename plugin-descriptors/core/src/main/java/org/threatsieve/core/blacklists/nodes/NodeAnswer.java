package org.threatsieve.core.blacklists.nodes;

import java.util.LinkedHashMap;
import java.util.Map;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.load.LoadState;

/**
 * A node's answer to a question for its status.
 *
 * @param status the node's status ({@link NodeStatus}), or, if the node gave none, an object with
 *     {@code state} and {@code reason}
 * @param failure the state of a node that gave no status; {@code null} if it gave one
 */
public record NodeAnswer(Map<String, Object> status, @Nullable String failure) {
    /** The state of a node without the plugin, as during a rolling upgrade. */
    static final String NO_PLUGIN = "no plugin";

    /** A node's status. */
    public static NodeAnswer of(Map<String, Object> status) {
        return new NodeAnswer(status, null);
    }

    /** The answer of a node without the plugin. */
    public static NodeAnswer withoutPlugin() {
        return failed(NO_PLUGIN, "the plugin is not installed on this node");
    }

    /** The answer of a node that did not answer. */
    public static NodeAnswer failed(String why) {
        return failed(LoadState.FAILED, "the node does not answer: " + why);
    }

    /** The answer of a node that was not asked, because it has just joined or left. */
    static NodeAnswer absent() {
        return failed(LoadState.FAILED, "the node has just joined or left the cluster");
    }

    private static NodeAnswer failed(String state, String reason) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("state", state);
        json.put("reason", reason);
        return new NodeAnswer(json, state);
    }
}

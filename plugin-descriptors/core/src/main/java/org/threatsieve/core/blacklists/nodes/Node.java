package org.threatsieve.core.blacklists.nodes;

import java.util.List;

/**
 * A node of the cluster.
 *
 * @param id the engine's identifier
 * @param roles the names of its roles, sorted
 */
public record Node(String id, String name, List<String> roles) {}

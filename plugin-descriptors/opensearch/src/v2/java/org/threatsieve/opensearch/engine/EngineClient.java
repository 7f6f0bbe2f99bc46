package org.threatsieve.opensearch.engine;

import org.opensearch.client.Client;
import org.opensearch.client.FilterClient;

/**
 * The node's client, under one name for both release lines: its package differs. Shared sources chain calls ({@code client.admin().cluster()})
 * and need to name none of the types between.
 */
public final class EngineClient extends FilterClient {
    public EngineClient(Client client) {
        super(client);
    }
}

package org.threatsieve.opensearch.engine;

import org.opensearch.transport.client.Client;
import org.opensearch.transport.client.FilterClient;

/** The node's client, under one name for both release lines. They have different packages. */
public final class EngineClient extends FilterClient {
    public EngineClient(Client client) {
        super(client);
    }
}

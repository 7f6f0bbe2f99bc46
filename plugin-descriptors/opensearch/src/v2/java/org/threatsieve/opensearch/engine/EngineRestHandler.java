package org.threatsieve.opensearch.engine;

import java.io.IOException;

import org.opensearch.client.node.NodeClient;
import org.opensearch.rest.BaseRestHandler;
import org.opensearch.rest.RestRequest;

/** A REST handler whose request method has the same signature on both release lines. */
public abstract class EngineRestHandler extends BaseRestHandler {
    /** Reads the request on the network thread, without blocking. The result does the work. */
    protected abstract RestChannelConsumer prepareRequest(RestRequest request, EngineClient client)
        throws IOException;

    @Override
    protected final RestChannelConsumer prepareRequest(RestRequest request, NodeClient client)
        throws IOException {
        return prepareRequest(request, new EngineClient(client));
    }
}

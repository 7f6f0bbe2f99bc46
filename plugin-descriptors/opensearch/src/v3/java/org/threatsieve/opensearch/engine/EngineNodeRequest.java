package org.threatsieve.opensearch.engine;

import java.io.IOException;

import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.transport.TransportRequest;

/** What a nodes action asks one node: its base class differs between the release lines. */
public abstract class EngineNodeRequest extends TransportRequest {
    protected EngineNodeRequest() {}

    protected EngineNodeRequest(StreamInput in) throws IOException {
        super(in);
    }
}

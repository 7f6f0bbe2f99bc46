package org.threatsieve.opensearch.engine;

import java.io.IOException;

import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.transport.TransportRequest;

/** A request to one node. The release lines have different base classes for it. */
public abstract class EngineNodeRequest extends TransportRequest {
    protected EngineNodeRequest() {}

    protected EngineNodeRequest(StreamInput in) throws IOException {
        super(in);
    }
}

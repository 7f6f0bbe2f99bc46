package org.threatsieve.opensearch.engine;

import java.io.IOException;

import org.opensearch.action.support.nodes.BaseNodeRequest;
import org.opensearch.core.common.io.stream.StreamInput;

/** A request to one node. The release lines have different base classes for it. */
@SuppressWarnings("deprecation")
public abstract class EngineNodeRequest extends BaseNodeRequest {
    protected EngineNodeRequest() {}

    protected EngineNodeRequest(StreamInput in) throws IOException {
        super(in);
    }
}

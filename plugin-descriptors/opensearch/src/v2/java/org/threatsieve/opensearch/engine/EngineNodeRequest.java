package org.threatsieve.opensearch.engine;

import java.io.IOException;

import org.opensearch.action.support.nodes.BaseNodeRequest;
import org.opensearch.core.common.io.stream.StreamInput;

/** What a nodes action asks one node: its base class differs between the release lines. */
@SuppressWarnings("deprecation")
public abstract class EngineNodeRequest extends BaseNodeRequest {
    protected EngineNodeRequest() {}

    protected EngineNodeRequest(StreamInput in) throws IOException {
        super(in);
    }
}

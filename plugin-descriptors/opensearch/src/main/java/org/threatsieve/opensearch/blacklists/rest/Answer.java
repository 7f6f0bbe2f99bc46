package org.threatsieve.opensearch.blacklists.rest;

import java.io.IOException;
import java.util.Map;

import org.opensearch.core.action.ActionResponse;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.core.common.io.stream.StreamOutput;
import org.opensearch.core.xcontent.ToXContentObject;
import org.opensearch.core.xcontent.XContentBuilder;

/** An answer to a user, a JSON object. */
final class Answer extends ActionResponse implements ToXContentObject {
    private final Map<String, Object> json;

    Answer(Map<String, Object> json) {
        this.json = json;
    }

    Answer(StreamInput in) throws IOException {
        super(in);
        json = in.readMap();
    }

    @Override
    public void writeTo(StreamOutput out) throws IOException {
        out.writeMap(json);
    }

    @Override
    public XContentBuilder toXContent(XContentBuilder builder, Params params) throws IOException {
        return builder.map(json);
    }
}

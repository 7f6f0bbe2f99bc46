package org.threatsieve.opensearch.blacklists.rest;

import java.io.IOException;
import java.io.OutputStream;

import org.opensearch.core.common.bytes.BytesReference;
import org.threatsieve.core.blacklists.publish.Push;

/** A push. */
final class PutRequest extends UserRequest {
    final Push push;

    PutRequest(Push push) {
        this.push = push;
    }

    /** A request's body. */
    static Push.Body body(BytesReference content) {
        return new Push.Body() {
            @Override
            public int length() {
                return content.length();
            }

            @Override
            public void writeTo(OutputStream out) throws IOException {
                content.writeTo(out);
            }
        };
    }
}

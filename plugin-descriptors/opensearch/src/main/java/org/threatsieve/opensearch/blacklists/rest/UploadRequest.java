package org.threatsieve.opensearch.blacklists.rest;

import java.io.IOException;
import java.util.Map;

import org.threatsieve.core.blacklists.publish.Publisher;

/** A step of an upload. */
final class UploadRequest extends UserRequest {
    /** A step. */
    interface Step {
        /** Makes the step. Returns the API's answer. */
        Map<String, Object> run(Publisher publisher, String user) throws IOException;
    }

    final Step step;

    UploadRequest(Step step) {
        this.step = step;
    }
}

package org.threatsieve.opensearch.blacklists;

import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionRequestValidationException;
import org.opensearch.common.Nullable;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.common.bytes.BytesReference;

/** A file to be served: {@code content}, or what was uploaded. It stays on the node that got it. */
final class PutRequest extends ActionRequest {
    final String name;
    @Nullable
    final BytesReference content;
    @Nullable
    final String upload;
    @Nullable
    final String digest;
    final boolean allowShrink;
    /** How long to wait for the nodes. */
    final TimeValue timeout;

    PutRequest(
        String name,
        @Nullable BytesReference content,
        @Nullable String upload,
        @Nullable String digest,
        boolean allowShrink,
        TimeValue timeout
    ) {
        this.name = name;
        this.content = content;
        this.upload = upload;
        this.digest = digest;
        this.allowShrink = allowShrink;
        this.timeout = timeout;
    }

    @Override
    public ActionRequestValidationException validate() {
        return null;
    }
}

package org.threatsieve.opensearch.blacklists;

import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionRequestValidationException;
import org.opensearch.common.Nullable;
import org.opensearch.core.common.bytes.BytesReference;

/** A step of an upload. It stays on the node that got it. */
final class UploadRequest extends ActionRequest {
    enum Step {
        BEGIN,
        PART,
        ABORT
    }

    final Step step;
    final String name;
    /** Of {@link Step#BEGIN}: the file's size. */
    final long bytes;
    /** Of {@link Step#BEGIN}. */
    @Nullable
    final String digest;
    /** Of all but {@link Step#BEGIN}. */
    @Nullable
    final String upload;
    /** Of {@link Step#PART}: its number, from 0. */
    final int part;
    /** Of {@link Step#PART}. */
    @Nullable
    final BytesReference content;

    private UploadRequest(Step step, String name, long bytes, String digest, String upload, int part, BytesReference content) {
        this.step = step;
        this.name = name;
        this.bytes = bytes;
        this.digest = digest;
        this.upload = upload;
        this.part = part;
        this.content = content;
    }

    static UploadRequest begin(String name, long bytes, String digest) {
        return new UploadRequest(Step.BEGIN, name, bytes, digest, null, 0, null);
    }

    static UploadRequest part(String name, String upload, int part, BytesReference content) {
        return new UploadRequest(Step.PART, name, 0, null, upload, part, content);
    }

    static UploadRequest abort(String name, String upload) {
        return new UploadRequest(Step.ABORT, name, 0, null, upload, 0, null);
    }

    @Override
    public ActionRequestValidationException validate() {
        return null;
    }
}

package org.threatsieve.opensearch.blacklists.rest;

import java.io.IOException;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.ExceptionsHelper;
import org.opensearch.OpenSearchException;
import org.opensearch.core.action.ActionListener;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.core.xcontent.MediaTypeRegistry;
import org.opensearch.core.xcontent.ToXContent;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.rest.BytesRestResponse;
import org.opensearch.rest.RestChannel;

/**
 * Answers in JSON, errors too, unless the request asks for another format. The engine's own
 * listeners answer in the type of the request's body, and a blacklist's body has a binary type.
 */
final class JsonListener implements ActionListener<Answer> {
    private static final Logger logger = LogManager.getLogger(JsonListener.class);

    private final RestChannel channel;

    JsonListener(RestChannel channel) {
        this.channel = channel;
    }

    @Override
    public void onResponse(Answer answer) {
        try {
            XContentBuilder builder = channel.newBuilder(MediaTypeRegistry.JSON, true);
            answer.toXContent(builder, ToXContent.EMPTY_PARAMS);
            channel.sendResponse(new BytesRestResponse(RestStatus.OK, builder));
        } catch (IOException e) {
            onFailure(e);
        }
    }

    @Override
    public void onFailure(Exception failure) {
        RestStatus status = ExceptionsHelper.status(failure);
        if (status.getStatus() >= 500) {
            logger.warn(
                "a request about a blacklist failed: {} {}",
                channel.request().method(),
                channel.request().path(),
                failure
            );
        }
        try {
            XContentBuilder builder = channel.newBuilder(MediaTypeRegistry.JSON, false);
            builder.startObject();
            OpenSearchException.generateFailureXContent(
                builder,
                channel.request(),
                failure,
                channel.detailedErrorsEnabled()
            );
            builder.field("status", status.getStatus()).endObject();
            channel.sendResponse(new BytesRestResponse(status, builder));
        } catch (IOException e) {
            logger.error("the answer to a request about a blacklist cannot be sent", e);
        }
    }
}

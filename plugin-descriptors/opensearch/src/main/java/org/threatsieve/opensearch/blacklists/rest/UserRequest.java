package org.threatsieve.opensearch.blacklists.rest;

import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionRequestValidationException;

/** A user's request. It stays on the node that received it. */
abstract class UserRequest extends ActionRequest {
    @Override
    public final ActionRequestValidationException validate() {
        return null;
    }
}

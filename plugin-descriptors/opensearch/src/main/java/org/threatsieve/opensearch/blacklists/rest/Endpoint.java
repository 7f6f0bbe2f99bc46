package org.threatsieve.opensearch.blacklists.rest;

import java.time.Duration;
import java.util.List;
import java.util.function.Function;

import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionType;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.common.bytes.BytesReference;
import org.opensearch.rest.RestHandler;
import org.opensearch.rest.RestRequest;
import org.opensearch.rest.RestRequest.Method;
import org.threatsieve.core.blacklists.BlacklistName;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.publish.Push;
import org.threatsieve.opensearch.engine.EngineClient;
import org.threatsieve.opensearch.engine.EngineRestHandler;

/**
 * A call of the REST API (docs/api.md): a method, a path, an action, and how to read the request.
 */
public final class Endpoint extends EngineRestHandler {
    private static final String BASE = "/_plugins/_threatsieve/blacklist";
    private static final String NAMED = BASE + "/{name}";
    private static final String UPLOADED = NAMED + "/_upload/{upload}";

    /** The time to wait for the nodes if the request does not set it. */
    private static final TimeValue DEFAULT_TIMEOUT = TimeValue.timeValueSeconds(60);
    private static final TimeValue MAX_TIMEOUT = TimeValue.timeValueMinutes(10);

    /** Parameters that the engine reads in every call. */
    private static final List<String> COMMON = List.of(
        "pretty",
        "human",
        "format",
        "filter_path",
        "error_trace"
    );

    private final Method method;
    private final String path;
    private final ActionType<Answer> action;
    private final Function<RestRequest, ActionRequest> reader;

    /** The parameters after {@code ?}, besides those of {@link #COMMON}. */
    private final List<String> parameters;

    private Endpoint(
        Method method,
        String path,
        ActionType<Answer> action,
        Function<RestRequest, ActionRequest> reader,
        String... parameters
    ) {
        this.method = method;
        this.path = path;
        this.action = action;
        this.reader = reader;
        this.parameters = List.of(parameters);
    }

    /** All calls. */
    public static List<RestHandler> all() {
        return List.of(
            new Endpoint(
                Method.PUT,
                NAMED,
                UserAction.PUT,
                Endpoint::put,
                "digest",
                "allow_shrink",
                "timeout"
            ),
            new Endpoint(
                Method.POST,
                NAMED + "/_upload",
                UserAction.UPLOAD,
                Endpoint::begin,
                "bytes",
                "digest"
            ),
            new Endpoint(Method.PUT, UPLOADED + "/{part}", UserAction.UPLOAD, Endpoint::part),
            new Endpoint(
                Method.POST,
                UPLOADED + "/_commit",
                UserAction.PUT,
                Endpoint::commit,
                "allow_shrink",
                "timeout"
            ),
            new Endpoint(Method.DELETE, UPLOADED, UserAction.UPLOAD, Endpoint::abort),
            new Endpoint(Method.GET, BASE, UserAction.GET, request -> NamedRequest.of(null)),
            new Endpoint(Method.GET, NAMED, UserAction.GET, Endpoint::named),
            new Endpoint(Method.GET, NAMED + "/_history", UserAction.HISTORY, Endpoint::named),
            new Endpoint(
                Method.POST,
                NAMED + "/_rollback",
                UserAction.ROLLBACK,
                Endpoint::rollback,
                "generation",
                "timeout"
            ),
            new Endpoint(Method.DELETE, NAMED, UserAction.DELETE, Endpoint::delete, "timeout")
        );
    }

    private static ActionRequest put(RestRequest request) {
        return new PutRequest(
            new Push(
                name(request),
                PutRequest.body(request.content()),
                null,
                request.param("digest"),
                allowShrink(request),
                timeout(request)
            )
        );
    }

    private static ActionRequest commit(RestRequest request) {
        return new PutRequest(
            new Push(
                name(request),
                null,
                request.param("upload"),
                null,
                allowShrink(request),
                timeout(request)
            )
        );
    }

    private static ActionRequest begin(RestRequest request) {
        String name = name(request);
        long bytes = request.paramAsLong("bytes", 0);
        String digest = request.param("digest", "");
        return new UploadRequest(
            (publisher, user) -> publisher.begin(name, bytes, digest, user)
        );
    }

    private static ActionRequest part(RestRequest request) {
        String name = name(request);
        String upload = request.param("upload");
        int part = request.paramAsInt("part", -1);
        BytesReference content = request.content();
        return new UploadRequest(
            (publisher, user) -> publisher.part(
                name,
                upload,
                part,
                BytesReference.toBytes(content)
            )
        );
    }

    private static ActionRequest abort(RestRequest request) {
        String name = name(request);
        String upload = request.param("upload");
        return new UploadRequest((publisher, user) -> publisher.abort(name, upload));
    }

    private static ActionRequest named(RestRequest request) {
        return NamedRequest.of(name(request));
    }

    private static ActionRequest rollback(RestRequest request) {
        boolean given = request.hasParam("generation");
        Long generation = given ? request.paramAsLong("generation", 0) : null;
        return new NamedRequest(name(request), generation, timeout(request));
    }

    private static ActionRequest delete(RestRequest request) {
        return new NamedRequest(name(request), null, timeout(request));
    }

    private static String name(RestRequest request) {
        return BlacklistName.require(request.param("name"));
    }

    private static boolean allowShrink(RestRequest request) {
        return request.paramAsBoolean("allow_shrink", false);
    }

    private static Duration timeout(RestRequest request) {
        TimeValue timeout = request.paramAsTime("timeout", DEFAULT_TIMEOUT);
        if (timeout.nanos() < 0 || timeout.compareTo(MAX_TIMEOUT) > 0) {
            String reason = "[timeout] is " + timeout + ", expected 0 to " + MAX_TIMEOUT;
            throw Refused.input("limit", reason);
        }
        return Duration.ofNanos(timeout.nanos());
    }

    @Override
    public String getName() {
        return "threatsieve_blacklist_" + method + path;
    }

    /**
     * Reads the engine's buffers without a copy on the heap. They stay until the request is
     * answered.
     */
    @Override
    public boolean allowsUnsafeBuffers() {
        return true;
    }

    @Override
    public List<Route> routes() {
        return List.of(new Route(method, path));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, EngineClient client) {
        try {
            ActionRequest read = reader.apply(request);
            requireNothingElse(request);
            return channel -> client.execute(action(read), read, new JsonListener(channel));
        } catch (RuntimeException e) {
            // The engine refuses requests with unread parts, in the type of the request's body.
            List.copyOf(request.params().keySet()).forEach(request::param);
            request.content();
            Refused refused = e instanceof Refused known
                ? known
                : Refused.input("parameter", e.getMessage());
            return channel -> new JsonListener(channel).onFailure(ThreatsieveRefused.of(refused));
        }
    }

    /** Returns the action of a request. Roles allow the deletion of temporary blacklists alone. */
    private ActionType<Answer> action(ActionRequest request) {
        boolean temporary = request instanceof NamedRequest named
            && named.name != null
            && BlacklistName.isTemporary(named.name);
        return action == UserAction.DELETE && temporary ? UserAction.DELETE_TEMPORARY : action;
    }

    private void requireNothingElse(RestRequest request) {
        for (String parameter : request.params().keySet()) {
            boolean known = parameters.contains(parameter)
                || COMMON.contains(parameter)
                || path.contains("{" + parameter + "}");
            if (known == false) {
                String expected = parameters.isEmpty()
                    ? "it has none"
                    : "it has " + String.join(", ", parameters);
                String reason = "[" + parameter + "] is not a parameter of this call: " + expected;
                throw Refused.input("parameter", reason);
            }
        }
    }
}

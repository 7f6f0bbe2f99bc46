package org.threatsieve.opensearch.blacklists;

import java.util.List;
import java.util.function.Function;

import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionType;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.rest.RestHandler;
import org.opensearch.rest.RestRequest;
import org.opensearch.rest.RestRequest.Method;
import org.threatsieve.opensearch.engine.EngineClient;
import org.threatsieve.opensearch.engine.EngineRestHandler;

/** One REST call (docs/api.md): a method, a path, the action and how its request is read. */
final class Endpoint extends EngineRestHandler {
    private static final String BASE = "/_plugins/_threatsieve/blacklist";
    private static final String NAMED = BASE + "/{name}";
    private static final String UPLOADED = NAMED + "/_upload/{upload}";

    /** How long to wait for the nodes when the call does not say. */
    private static final TimeValue TIMEOUT = TimeValue.timeValueSeconds(60);
    private static final TimeValue MAX_TIMEOUT = TimeValue.timeValueMinutes(10);

    /** Parameters that the server reads in every call. */
    private static final List<String> COMMON = List.of("pretty", "human", "format", "filter_path", "error_trace");

    private final Method method;
    private final String path;
    private final ActionType<Answer> action;
    private final Function<RestRequest, ActionRequest> reader;

    /** Names of what may stand after {@code ?}, besides what the server itself reads. */
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

    static List<RestHandler> all() {
        return List.of(
            new Endpoint(Method.PUT, NAMED, UserAction.PUT, Endpoint::put, "digest", "allow_shrink", "timeout"),
            new Endpoint(Method.POST, NAMED + "/_upload", UserAction.UPLOAD, Endpoint::begin, "bytes", "digest"),
            new Endpoint(Method.PUT, UPLOADED + "/{part}", UserAction.UPLOAD, Endpoint::part),
            new Endpoint(Method.POST, UPLOADED + "/_commit", UserAction.PUT, Endpoint::commit, "allow_shrink", "timeout"),
            new Endpoint(Method.DELETE, UPLOADED, UserAction.UPLOAD, request -> UploadRequest.abort(name(request), request.param("upload"))),
            new Endpoint(Method.GET, BASE, UserAction.GET, request -> NamedRequest.of(null)),
            new Endpoint(Method.GET, NAMED, UserAction.GET, request -> NamedRequest.of(name(request))),
            new Endpoint(Method.GET, NAMED + "/_history", UserAction.HISTORY, request -> NamedRequest.of(name(request))),
            new Endpoint(Method.POST, NAMED + "/_rollback", UserAction.ROLLBACK, Endpoint::rollback, "generation", "timeout"),
            new Endpoint(
                Method.DELETE,
                NAMED,
                UserAction.DELETE,
                request -> new NamedRequest(name(request), null, timeout(request)),
                "timeout"
            )
        );
    }

    private static ActionRequest put(RestRequest request) {
        return new PutRequest(name(request), request.content(), null, request.param("digest"), allowShrink(request), timeout(request));
    }

    private static ActionRequest commit(RestRequest request) {
        return new PutRequest(name(request), null, request.param("upload"), null, allowShrink(request), timeout(request));
    }

    private static ActionRequest begin(RestRequest request) {
        return UploadRequest.begin(name(request), request.paramAsLong("bytes", 0), request.param("digest", ""));
    }

    private static ActionRequest part(RestRequest request) {
        return UploadRequest.part(name(request), request.param("upload"), request.paramAsInt("part", -1), request.content());
    }

    private static ActionRequest rollback(RestRequest request) {
        Long generation = request.hasParam("generation") ? request.paramAsLong("generation", 0) : null;
        return new NamedRequest(name(request), generation, timeout(request));
    }

    private static String name(RestRequest request) {
        return Pointers.requireName(request.param("name"));
    }

    private static boolean allowShrink(RestRequest request) {
        return request.paramAsBoolean("allow_shrink", false);
    }

    private static TimeValue timeout(RestRequest request) {
        TimeValue timeout = request.paramAsTime("timeout", TIMEOUT);
        if (timeout.nanos() < 0 || timeout.compareTo(MAX_TIMEOUT) > 0) {
            throw ThreatsieveRefused.input("limit", "[timeout] is " + timeout + ", expected 0 to " + MAX_TIMEOUT);
        }
        return timeout;
    }

    @Override
    public String getName() {
        return "threatsieve_blacklist_" + method + path;
    }

    /** The server's buffers are read as they are, without a copy on the heap; they are there until the request is answered. */
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
            return channel -> client.execute(action, read, new JsonListener(channel));
        } catch (RuntimeException e) {
            // The server would refuse what was not read, and answer in the type of the request's body.
            List.copyOf(request.params().keySet()).forEach(request::param);
            request.content();
            ThreatsieveRefused refused = e instanceof ThreatsieveRefused known ? known : ThreatsieveRefused.input("parameter", e.getMessage());
            return channel -> new JsonListener(channel).onFailure(refused);
        }
    }

    private void requireNothingElse(RestRequest request) {
        for (String parameter : request.params().keySet()) {
            if (parameters.contains(parameter) == false && COMMON.contains(parameter) == false && path.contains("{" + parameter + "}") == false) {
                String known = parameters.isEmpty() ? "it takes none" : "it takes " + String.join(", ", parameters);
                throw ThreatsieveRefused.input("parameter", "[" + parameter + "] is no parameter of this call: " + known);
            }
        }
    }
}

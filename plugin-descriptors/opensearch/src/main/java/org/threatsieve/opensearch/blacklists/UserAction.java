package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.util.Map;

import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionRunnable;
import org.opensearch.action.ActionType;
import org.opensearch.action.support.ActionFilters;
import org.opensearch.action.support.TransportAction;
import org.opensearch.common.inject.Inject;
import org.opensearch.core.action.ActionListener;
import org.opensearch.tasks.Task;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.TransportService;

/**
 * What a user may ask for, each under the name that roles allow. It runs on the node that got the request and blocks one of the plugin's threads, or one of
 * the general ones where it only looks or stores.
 */
abstract class UserAction<Q extends ActionRequest> extends TransportAction<Q, Answer> {
    static final ActionType<Answer> PUT = type("put");
    static final ActionType<Answer> UPLOAD = type("upload");
    static final ActionType<Answer> GET = type("get");
    static final ActionType<Answer> HISTORY = type("history");
    static final ActionType<Answer> ROLLBACK = type("rollback");
    static final ActionType<Answer> DELETE = type("delete");

    /** The thread pool of what waits for nodes. */
    static final String POOL = "threatsieve_push";

    final Publisher publisher;
    private final ThreadPool threadPool;
    private final String executor;

    private static ActionType<Answer> type(String verb) {
        return new ActionType<>("cluster:admin/threatsieve/blacklist/" + verb, Answer::new);
    }

    private UserAction(
        ActionType<Answer> type,
        ActionFilters filters,
        TransportService transportService,
        Publisher publisher,
        String executor
    ) {
        super(type.name(), filters, transportService.getTaskManager());
        this.publisher = publisher;
        this.threadPool = transportService.getThreadPool();
        this.executor = executor;
    }

    /** Called on a thread that may block. */
    abstract Map<String, Object> answer(Q request, String user) throws IOException;

    @Override
    protected final void doExecute(Task task, Q request, ActionListener<Answer> listener) {
        String user = User.name(threadPool.getThreadContext());
        threadPool.executor(executor).execute(ActionRunnable.supply(listener, () -> new Answer(answer(request, user))));
    }

    /** {@link #PUT}. */
    public static final class Put extends UserAction<PutRequest> {
        @Inject
        public Put(ActionFilters filters, TransportService transportService, Publisher publisher) {
            super(PUT, filters, transportService, publisher, POOL);
        }

        @Override
        Map<String, Object> answer(PutRequest request, String user) throws IOException {
            return request.upload == null ? publisher.put(request, user) : publisher.commit(request, user);
        }
    }

    /** {@link #UPLOAD}. */
    public static final class Upload extends UserAction<UploadRequest> {
        @Inject
        public Upload(ActionFilters filters, TransportService transportService, Publisher publisher) {
            super(UPLOAD, filters, transportService, publisher, ThreadPool.Names.GENERIC);
        }

        @Override
        Map<String, Object> answer(UploadRequest request, String user) throws IOException {
            return switch (request.step) {
                case BEGIN -> publisher.begin(request, user);
                case PART -> publisher.part(request);
                case ABORT -> publisher.abort(request);
            };
        }
    }

    /** {@link #GET}. */
    public static final class Get extends UserAction<NamedRequest> {
        @Inject
        public Get(ActionFilters filters, TransportService transportService, Publisher publisher) {
            super(GET, filters, transportService, publisher, ThreadPool.Names.GENERIC);
        }

        @Override
        Map<String, Object> answer(NamedRequest request, String user) {
            return publisher.status(request.name);
        }
    }

    /** {@link #HISTORY}. */
    public static final class History extends UserAction<NamedRequest> {
        @Inject
        public History(ActionFilters filters, TransportService transportService, Publisher publisher) {
            super(HISTORY, filters, transportService, publisher, ThreadPool.Names.GENERIC);
        }

        @Override
        Map<String, Object> answer(NamedRequest request, String user) {
            return publisher.history(request.name);
        }
    }

    /** {@link #ROLLBACK}. */
    public static final class Rollback extends UserAction<NamedRequest> {
        @Inject
        public Rollback(ActionFilters filters, TransportService transportService, Publisher publisher) {
            super(ROLLBACK, filters, transportService, publisher, POOL);
        }

        @Override
        Map<String, Object> answer(NamedRequest request, String user) throws IOException {
            return publisher.rollback(request, user);
        }
    }

    /** {@link #DELETE}. */
    public static final class Delete extends UserAction<NamedRequest> {
        @Inject
        public Delete(ActionFilters filters, TransportService transportService, Publisher publisher) {
            super(DELETE, filters, transportService, publisher, POOL);
        }

        @Override
        Map<String, Object> answer(NamedRequest request, String user) throws IOException {
            return publisher.delete(request, user);
        }
    }
}

package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
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
 * An action that a user may ask for, each under the name that roles allow. It runs on the node that got the request, on one of the plugin's
 * threads or, where it only looks, one of the general ones. While nodes follow a change, no thread waits.
 */
abstract class UserAction<Q extends ActionRequest> extends TransportAction<Q, Answer> {
    private static final Logger logger = LogManager.getLogger(UserAction.class);

    static final ActionType<Answer> PUT = type("put");
    static final ActionType<Answer> UPLOAD = type("upload");
    static final ActionType<Answer> GET = type("get");
    static final ActionType<Answer> HISTORY = type("history");
    static final ActionType<Answer> ROLLBACK = type("rollback");
    static final ActionType<Answer> DELETE = type("delete");

    /** The thread pool of pushes. */
    static final String PUSHES = "threatsieve_push";

    /** The thread pool of rollbacks and deletions, which do not wait for pushes. */
    static final String ROLLBACKS = "threatsieve_rollback";

    /** The thread pool of uploads: those that wait hold a part each on the heap. */
    static final String UPLOADS = "threatsieve_upload";

    private final ThreadPool threadPool;
    private final String executor;

    private static ActionType<Answer> type(String verb) {
        return new ActionType<>("cluster:admin/threatsieve/blacklist/" + verb, Answer::new);
    }

    private UserAction(ActionType<Answer> type, ActionFilters filters, TransportService transportService, String executor) {
        super(type.name(), filters, transportService.getTaskManager());
        this.threadPool = transportService.getThreadPool();
        this.executor = executor;
    }

    /** Called on a thread that may block. */
    abstract void answer(Q request, String user, ActionListener<Answer> listener) throws IOException;

    @Override
    protected final void doExecute(Task task, Q request, ActionListener<Answer> listener) {
        String user = User.name(threadPool.getThreadContext());
        ActionListener<Answer> named = ActionListener.wrap(listener::onResponse, failure -> {
            ThreatsieveRefused refused = Trouble.refused(failure);
            if (refused != failure) {
                logger.warn("a request about a blacklist failed", failure);
            }
            listener.onFailure(refused);
        });
        threadPool.executor(executor).execute(ActionRunnable.wrap(named, each -> answer(request, user, each)));
    }

    /** A change of what is served, answered when the nodes have followed. */
    private abstract static class Changing<Q extends ActionRequest> extends UserAction<Q> {
        /** Bodies of requests that wait for nodes; with more than that, further ones are answered without waiting. */
        private static final long MAX_WAITING_BYTES = 64 << 20;

        final Publisher publisher;
        private final Fleet fleet;
        private final AtomicLong waitingBytes = new AtomicLong();

        private Changing(
            ActionType<Answer> type,
            ActionFilters filters,
            TransportService transportService,
            Publisher publisher,
            Fleet fleet,
            String executor
        ) {
            super(type, filters, transportService, executor);
            this.publisher = publisher;
            this.fleet = fleet;
        }

        abstract Pending change(Q request, String user) throws IOException;

        /** Bytes that the server holds on the heap until the request is answered. */
        long bodyBytes(Q request) {
            return 0;
        }

        @Override
        final void answer(Q request, String user, ActionListener<Answer> listener) throws IOException {
            Pending pending = change(request, user);
            long body = bodyBytes(request);
            long others = waitingBytes.getAndAdd(body);
            boolean waits = others == 0 || others + body <= MAX_WAITING_BYTES;
            ActionListener<Answer> last = ActionListener.runBefore(listener, () -> waitingBytes.addAndGet(-body));
            fleet.await(waits ? pending : pending.withoutWaiting(), last);
        }
    }

    /** {@link #PUT}. */
    public static final class Put extends Changing<PutRequest> {
        @Inject
        public Put(ActionFilters filters, TransportService transportService, Publisher publisher, Fleet fleet) {
            super(PUT, filters, transportService, publisher, fleet, PUSHES);
        }

        @Override
        Pending change(PutRequest request, String user) throws IOException {
            return request.upload == null ? publisher.put(request, user) : publisher.commit(request, user);
        }

        @Override
        long bodyBytes(PutRequest request) {
            return request.content == null ? 0 : request.content.length();
        }
    }

    /** {@link #ROLLBACK}. */
    public static final class Rollback extends Changing<NamedRequest> {
        @Inject
        public Rollback(ActionFilters filters, TransportService transportService, Publisher publisher, Fleet fleet) {
            super(ROLLBACK, filters, transportService, publisher, fleet, ROLLBACKS);
        }

        @Override
        Pending change(NamedRequest request, String user) throws IOException {
            return publisher.rollback(request, user);
        }
    }

    /** {@link #DELETE}. */
    public static final class Delete extends Changing<NamedRequest> {
        @Inject
        public Delete(ActionFilters filters, TransportService transportService, Publisher publisher, Fleet fleet) {
            super(DELETE, filters, transportService, publisher, fleet, ROLLBACKS);
        }

        @Override
        Pending change(NamedRequest request, String user) throws IOException {
            return publisher.delete(request, user);
        }
    }

    /** {@link #UPLOAD}. */
    public static final class Upload extends UserAction<UploadRequest> {
        private final Publisher publisher;

        @Inject
        public Upload(ActionFilters filters, TransportService transportService, Publisher publisher) {
            super(UPLOAD, filters, transportService, UPLOADS);
            this.publisher = publisher;
        }

        @Override
        void answer(UploadRequest request, String user, ActionListener<Answer> listener) throws IOException {
            listener.onResponse(new Answer(switch (request.step) {
                case BEGIN -> publisher.begin(request, user);
                case PART -> publisher.part(request);
                case ABORT -> publisher.abort(request);
            }));
        }
    }

    /** {@link #GET}. */
    public static final class Get extends UserAction<NamedRequest> {
        private final Overview overview;

        @Inject
        public Get(ActionFilters filters, TransportService transportService, Overview overview) {
            super(GET, filters, transportService, ThreadPool.Names.GENERIC);
            this.overview = overview;
        }

        @Override
        void answer(NamedRequest request, String user, ActionListener<Answer> listener) {
            listener.onResponse(new Answer(overview.status(request.name)));
        }
    }

    /** {@link #HISTORY}. */
    public static final class History extends UserAction<NamedRequest> {
        private final Overview overview;

        @Inject
        public History(ActionFilters filters, TransportService transportService, Overview overview) {
            super(HISTORY, filters, transportService, ThreadPool.Names.GENERIC);
            this.overview = overview;
        }

        @Override
        void answer(NamedRequest request, String user, ActionListener<Answer> listener) {
            listener.onResponse(new Answer(overview.history(request.name)));
        }
    }
}

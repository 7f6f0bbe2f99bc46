package org.threatsieve.opensearch.blacklists.rest;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.action.ActionRequest;
import org.opensearch.action.ActionRunnable;
import org.opensearch.action.ActionType;
import org.opensearch.action.support.ActionFilters;
import org.opensearch.action.support.ContextPreservingActionListener;
import org.opensearch.action.support.TransportAction;
import org.opensearch.common.inject.Inject;
import org.opensearch.core.action.ActionListener;
import org.opensearch.tasks.Task;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.TransportService;
import org.threatsieve.core.blacklists.BlacklistName;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.nodes.Callback;
import org.threatsieve.core.blacklists.nodes.Overview;
import org.threatsieve.core.blacklists.nodes.Rollout;
import org.threatsieve.core.blacklists.publish.PendingChange;
import org.threatsieve.core.blacklists.publish.Publisher;

/**
 * An action that users may request. Roles allow each by its name.
 *
 * <p>It runs on the node that received the request: on one of the plugin's threads, or on a general
 * one if it only reads. No thread waits while nodes follow a change.
 */
public abstract class UserAction<Q extends ActionRequest> extends TransportAction<Q, Answer> {
    private static final Logger logger = LogManager.getLogger(UserAction.class);

    public static final ActionType<Answer> PUT = type("put");
    public static final ActionType<Answer> UPLOAD = type("upload");
    public static final ActionType<Answer> GET = type("get");
    public static final ActionType<Answer> HISTORY = type("history");
    public static final ActionType<Answer> ROLLBACK = type("rollback");
    public static final ActionType<Answer> DELETE = type("delete");
    public static final ActionType<Answer> DELETE_TEMPORARY = type("delete_temporary");

    /** The thread pool of pushes. */
    public static final String PUSHES = "threatsieve_push";

    /** The thread pool of rollbacks and deletions. They do not wait behind pushes. */
    public static final String ROLLBACKS = "threatsieve_rollback";

    /** The thread pool of uploads. Each one that waits holds a part on the heap. */
    public static final String UPLOADS = "threatsieve_upload";

    private final ThreadPool threadPool;
    private final String executor;

    private static ActionType<Answer> type(String verb) {
        return new ActionType<>("cluster:admin/threatsieve/blacklist/" + verb, Answer::new);
    }

    private UserAction(
        ActionType<Answer> type,
        ActionFilters filters,
        TransportService transportService,
        String executor
    ) {
        super(type.name(), filters, transportService.getTaskManager());
        this.threadPool = transportService.getThreadPool();
        this.executor = executor;
    }

    /** Answers a request. May block. */
    abstract void answer(Q request, String user, ActionListener<Answer> listener)
        throws IOException;

    @Override
    protected final void doExecute(Task task, Q request, ActionListener<Answer> listener) {
        String user = User.name(threadPool.getThreadContext());
        ActionListener<Answer> named = ActionListener.wrap(listener::onResponse, failure -> {
            if (EngineFailures.isUnforeseen(failure)) {
                logger.warn("a request about a blacklist failed", failure);
            }
            listener.onFailure(EngineFailures.refused(failure));
        });
        threadPool.executor(executor)
            .execute(ActionRunnable.wrap(named, each -> answer(request, user, each)));
    }

    /** A change of what is served. It is answered when the nodes have followed. */
    private abstract static class Changing<Q extends ActionRequest> extends UserAction<Q> {
        /** Bodies of requests that wait for nodes. Beyond this, requests are answered at once. */
        private static final long MAX_WAITING_BYTES = 64 << 20;

        final Publisher publisher;
        private final Rollout rollout;
        private final ThreadPool threadPool;
        private final AtomicLong waitingBytes = new AtomicLong();

        private Changing(
            ActionType<Answer> type,
            ActionFilters filters,
            TransportService transportService,
            Publisher publisher,
            Rollout rollout,
            String executor
        ) {
            super(type, filters, transportService, executor);
            this.threadPool = transportService.getThreadPool();
            this.publisher = publisher;
            this.rollout = rollout;
        }

        abstract PendingChange change(Q request, String user) throws IOException;

        /** Bytes that the engine holds on the heap until the request is answered. */
        long bodyBytes(Q request) {
            return 0;
        }

        @Override
        final void answer(Q request, String user, ActionListener<Answer> listener)
            throws IOException {
            PendingChange pending = change(request, user);
            long body = bodyBytes(request);
            long others = waitingBytes.getAndAdd(body);
            boolean waits = others == 0 || others + body <= MAX_WAITING_BYTES;
            ActionListener<Answer> last = ContextPreservingActionListener.wrapPreservingContext(
                ActionListener.runBefore(listener, () -> waitingBytes.addAndGet(-body)),
                threadPool.getThreadContext()
            );
            rollout.await(waits ? pending : pending.withoutWaiting(), callback(last));
        }

        private static Callback<Map<String, Object>> callback(ActionListener<Answer> listener) {
            return new Callback<>() {
                @Override
                public void done(Map<String, Object> json) {
                    listener.onResponse(new Answer(json));
                }

                @Override
                public void failed(Exception failure) {
                    listener.onFailure(failure);
                }
            };
        }
    }

    /** {@link #PUT}. */
    public static final class Put extends Changing<PutRequest> {
        @Inject
        public Put(
            ActionFilters filters,
            TransportService transportService,
            Publisher publisher,
            Rollout rollout
        ) {
            super(PUT, filters, transportService, publisher, rollout, PUSHES);
        }

        @Override
        PendingChange change(PutRequest request, String user) throws IOException {
            return publisher.push(request.push, user);
        }

        @Override
        long bodyBytes(PutRequest request) {
            return request.push.bodyBytes();
        }
    }

    /** {@link #ROLLBACK}. */
    public static final class Rollback extends Changing<NamedRequest> {
        @Inject
        public Rollback(
            ActionFilters filters,
            TransportService transportService,
            Publisher publisher,
            Rollout rollout
        ) {
            super(ROLLBACK, filters, transportService, publisher, rollout, ROLLBACKS);
        }

        @Override
        PendingChange change(NamedRequest request, String user) throws IOException {
            return publisher.rollback(request.name, request.generation, request.timeout, user);
        }
    }

    /** {@link #DELETE}. */
    public static final class Delete extends Changing<NamedRequest> {
        @Inject
        public Delete(
            ActionFilters filters,
            TransportService transportService,
            Publisher publisher,
            Rollout rollout
        ) {
            super(DELETE, filters, transportService, publisher, rollout, ROLLBACKS);
        }

        @Override
        PendingChange change(NamedRequest request, String user) throws IOException {
            return publisher.delete(request.name, request.timeout, user);
        }
    }

    /**
     * {@link #DELETE_TEMPORARY}. A user who pushes temporary blacklists needs no right to delete
     * others.
     */
    public static final class DeleteTemporary extends Changing<NamedRequest> {
        @Inject
        public DeleteTemporary(
            ActionFilters filters,
            TransportService transportService,
            Publisher publisher,
            Rollout rollout
        ) {
            super(DELETE_TEMPORARY, filters, transportService, publisher, rollout, ROLLBACKS);
        }

        @Override
        PendingChange change(NamedRequest request, String user) throws IOException {
            if (BlacklistName.isTemporary(request.name) == false) {
                String reason = "[" + request.name + "] is not a temporary blacklist";
                throw Refused.input("name", reason);
            }
            return publisher.delete(request.name, request.timeout, user);
        }
    }

    /** {@link #UPLOAD}. */
    public static final class Upload extends UserAction<UploadRequest> {
        private final Publisher publisher;

        @Inject
        public Upload(
            ActionFilters filters,
            TransportService transportService,
            Publisher publisher
        ) {
            super(UPLOAD, filters, transportService, UPLOADS);
            this.publisher = publisher;
        }

        @Override
        void answer(UploadRequest request, String user, ActionListener<Answer> listener)
            throws IOException {
            listener.onResponse(new Answer(request.step.run(publisher, user)));
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
        public History(
            ActionFilters filters,
            TransportService transportService,
            Overview overview
        ) {
            super(HISTORY, filters, transportService, ThreadPool.Names.GENERIC);
            this.overview = overview;
        }

        @Override
        void answer(NamedRequest request, String user, ActionListener<Answer> listener) {
            listener.onResponse(new Answer(overview.history(request.name)));
        }
    }
}

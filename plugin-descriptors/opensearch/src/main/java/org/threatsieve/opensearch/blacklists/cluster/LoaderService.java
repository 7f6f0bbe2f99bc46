package org.threatsieve.opensearch.blacklists.cluster;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.Future;

import org.opensearch.cluster.ClusterChangedEvent;
import org.opensearch.cluster.ClusterStateListener;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.lifecycle.AbstractLifecycleComponent;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.threadpool.Scheduler;
import org.opensearch.threadpool.ThreadPool;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.load.Loader;
import org.threatsieve.core.blacklists.load.LoadingThread;
import org.threatsieve.opensearch.blacklists.index.BlacklistIndex;

/** Starts and stops the loader with the node, and passes it the pointers of the cluster's state. */
public final class LoaderService extends AbstractLifecycleComponent
    implements
        ClusterStateListener {
    /** The thread pool of the loading thread. */
    public static final String POOL = "threatsieve";

    private final ClusterService clusterService;
    private final Loader loader;

    public LoaderService(ClusterService clusterService, Loader loader) {
        this.clusterService = clusterService;
        this.loader = loader;
    }

    /** The node's loading thread. */
    public static LoadingThread thread(ThreadPool threadPool) {
        return new LoadingThread() {
            @Override
            public void execute(Runnable task) {
                threadPool.executor(POOL).execute(task);
            }

            @Override
            public Future<?> submit(Runnable task) {
                return threadPool.executor(POOL).submit(task);
            }

            @Override
            public Cancellable schedule(Runnable task, Duration delay) {
                TimeValue time = TimeValue.timeValueMillis(delay.toMillis());
                Scheduler.Cancellable scheduled = threadPool.schedule(
                    task,
                    time,
                    ThreadPool.Names.SAME
                );
                return scheduled::cancel;
            }
        };
    }

    @Override
    protected void doStart() {
        loader.start();
        clusterService.addListener(this);
    }

    @Override
    protected void doStop() {
        clusterService.removeListener(this);
        loader.stop();
    }

    @Override
    protected void doClose() {}

    /** Called by the thread that applies cluster states: it only compares. */
    @Override
    public void clusterChanged(ClusterChangedEvent event) {
        // A state that is not recovered has no settings. That does not mean that nothing is wanted.
        boolean recovered = BlacklistIndex.isRecovered(event.state());
        if (recovered == false || event.metadataChanged() == false) {
            return;
        }
        Map<String, Pointer> pointers = ClusterPointers.of(event.state());
        boolean first = BlacklistIndex.isRecovered(event.previousState()) == false;
        if (first || pointers.equals(loader.wanted()) == false) {
            loader.follow(pointers);
        }
    }
}

package org.threatsieve.opensearch.processor;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.ingest.AbstractProcessor;
import org.opensearch.ingest.IngestDocument;
import org.opensearch.ingest.IngestDocumentWrapper;
import org.threatsieve.opensearch.Matcher;
import org.threatsieve.opensearch.NativeException;
import org.threatsieve.opensearch.engine.BatchResult;

/**
 * The ingest processor {@code threat_match}: looks the observables of events up in a blacklist and writes what it finds into them.
 *
 * <p>A batch of events crosses to native code once. Whatever goes wrong there, no event is lost: it is marked as unchecked, or what
 * {@code on_unavailable} says.
 */
public final class ThreatMatchProcessor extends AbstractProcessor {
    /** The processor's name in pipelines. */
    public static final String TYPE = "threat_match";

    private static final Logger logger = LogManager.getLogger(ThreatMatchProcessor.class);

    /** Buffers of a thread, for all processors: none of them is used beyond one call. */
    private static final ThreadLocal<ObservableBatch> OBSERVABLES = ThreadLocal.withInitial(ObservableBatch::new);
    private static final ThreadLocal<LineBatch> LINES = ThreadLocal.withInitial(LineBatch::new);

    private final ProcessorOptions options;
    private final EventWriter writer;
    private final Matcher matcher;

    ThreatMatchProcessor(String tag, String description, ProcessorOptions options, Matcher matcher) {
        super(tag, description);
        this.options = options;
        this.writer = new EventWriter(options);
        this.matcher = matcher;
    }

    @Override
    public String getType() {
        return TYPE;
    }

    /** One event: within {@code if} or {@code foreach}, or a request of one. */
    @Override
    public IngestDocument execute(IngestDocument document) throws Exception {
        Exception[] failures = new Exception[1];
        process(List.of(document), failures);
        if (failures[0] != null) {
            throw failures[0];
        }
        return document;
    }

    /** The events of a bulk request for one index. */
    @Override
    public void batchExecute(List<IngestDocumentWrapper> wrappers, Consumer<List<IngestDocumentWrapper>> handler) {
        List<IngestDocument> documents = new ArrayList<>(wrappers.size());
        for (IngestDocumentWrapper wrapper : wrappers) {
            documents.add(wrapper.getIngestDocument());
        }
        Exception[] failures = new Exception[documents.size()];
        process(documents, failures);
        List<IngestDocumentWrapper> results = new ArrayList<>(wrappers.size());
        for (int i = 0; i < failures.length; i++) {
            results.add(failures[i] == null ? wrappers.get(i) : BatchResult.failed(wrappers.get(i), failures[i]));
        }
        handler.accept(results);
    }

    private void process(List<IngestDocument> documents, Exception[] failures) {
        EventBatch batch = options.message() == null ? OBSERVABLES.get().of(options.fields()) : LINES.get().of(options.message());
        batch.clear();
        int first = 0;
        for (int i = 0; i < documents.size(); i++) {
            if (batch.add(documents.get(i).getSourceAndMetadata()) == false) {
                check(batch, documents, first, failures);
                batch.clear();
                first = i;
                batch.add(documents.get(i).getSourceAndMetadata());
            }
        }
        check(batch, documents, first, failures);
        batch.clear();
    }

    /** Asks the matcher about a batch and writes its answer into the events, the first of which has that place. */
    private void check(EventBatch batch, List<IngestDocument> documents, int first, Exception[] failures) {
        Answer answer;
        try {
            answer = Answer.read(batch.check(matcher, options), batch.events());
        } catch (NativeException e) {
            matcher.unchecked().add(options.blacklist(), e.kind(), e.getMessage(), batch.events());
            for (int i = first; i < first + batch.events(); i++) {
                failures[i] = unchecked(documents.get(i), e.kind(), e.getMessage());
            }
            return;
        }
        for (int i = 0; i < batch.events(); i++) {
            failures[first + i] = write(documents.get(first + i), answer.generation(), answer.said()[i], batch.leftOut(i));
        }
    }

    private Exception write(IngestDocument document, long generation, Answer.OfEvent answer, LeftOut leftOut) {
        boolean hasMatched = answer != null && answer.hasMatched();
        try {
            if (hasMatched) {
                writer.matched(document, generation, answer);
            } else if (answer == null && leftOut == null) {
                writer.unmatched(document, generation);
            }
        } catch (RuntimeException e) {
            // An event of a kind that nobody thought of, such as one with objects that cannot be changed.
            return counted(document, "internal", "the event cannot be written: " + e);
        }
        if (answer != null && answer.unchecked() != null) {
            return counted(document, answer.unchecked(), answer.detail());
        }
        return leftOut == null || hasMatched ? null : counted(document, leftOut.kind(), leftOut.detail());
    }

    private Exception counted(IngestDocument document, String kind, String detail) {
        matcher.unchecked().add(options.blacklist(), kind, detail, 1);
        return unchecked(document, kind, detail);
    }

    private Exception unchecked(IngestDocument document, String kind, String detail) {
        boolean marks = options.onUnavailable() == OnUnavailable.MARK;
        try {
            if (marks) {
                writer.unchecked(document, kind);
            } else {
                writer.passed(document);
            }
        } catch (RuntimeException e) {
            logger.warn("an event that cannot be checked ({}) cannot be changed either, and passes as it is: {}", kind, e.toString());
        }
        if (options.onUnavailable() != OnUnavailable.FAIL) {
            return null;
        }
        String message = "the event cannot be checked against blacklist [" + options.blacklist() + "] (" + kind + "): " + detail;
        // Senders try again later when they get this status.
        return new OpenSearchStatusException(message, RestStatus.SERVICE_UNAVAILABLE);
    }
}

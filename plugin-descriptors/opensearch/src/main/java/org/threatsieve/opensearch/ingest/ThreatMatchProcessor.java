package org.threatsieve.opensearch.ingest;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import org.opensearch.OpenSearchStatusException;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.ingest.AbstractProcessor;
import org.opensearch.ingest.IngestDocument;
import org.opensearch.ingest.IngestDocumentWrapper;
import org.threatsieve.core.processor.ThreatMatch;
import org.threatsieve.core.processor.fields.Event;
import org.threatsieve.opensearch.engine.BatchResult;

/** The ingest processor {@code threat_match} for OpenSearch. */
public final class ThreatMatchProcessor extends AbstractProcessor {
    private final ThreatMatch threatMatch;

    ThreatMatchProcessor(String tag, String description, ThreatMatch threatMatch) {
        super(tag, description);
        this.threatMatch = threatMatch;
    }

    @Override
    public String getType() {
        return ThreatMatch.TYPE;
    }

    /** Processes one event: inside {@code foreach}, with {@code if}, or a request of one event. */
    @Override
    public IngestDocument execute(IngestDocument document) throws Exception {
        String failure = threatMatch.process(List.of(event(document)))[0];
        if (failure != null) {
            throw exception(failure);
        }
        return document;
    }

    /** Processes the events of a bulk request for one index. */
    @Override
    public void batchExecute(
        List<IngestDocumentWrapper> wrappers,
        Consumer<List<IngestDocumentWrapper>> handler
    ) {
        List<Event> events = new ArrayList<>(wrappers.size());
        for (IngestDocumentWrapper wrapper : wrappers) {
            events.add(event(wrapper.getIngestDocument()));
        }
        String[] failures = threatMatch.process(events);
        List<IngestDocumentWrapper> results = new ArrayList<>(wrappers.size());
        for (int i = 0; i < failures.length; i++) {
            IngestDocumentWrapper wrapper = wrappers.get(i);
            results.add(
                failures[i] == null
                    ? wrapper
                    : BatchResult.failed(wrapper, exception(failures[i]))
            );
        }
        handler.accept(results);
    }

    private static Event event(IngestDocument document) {
        return new Event(document.getSourceAndMetadata(), document.getIngestMetadata());
    }

    /** The status tells senders to try again later. */
    private static Exception exception(String failure) {
        return new OpenSearchStatusException(failure, RestStatus.SERVICE_UNAVAILABLE);
    }
}

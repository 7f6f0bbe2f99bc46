package org.threatsieve.core.processor;

import java.util.List;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.threatsieve.core.matcher.Lookup;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.NativeException;
import org.threatsieve.core.processor.batch.EventBatch;
import org.threatsieve.core.processor.batch.LineBatch;
import org.threatsieve.core.processor.batch.ObservableBatch;
import org.threatsieve.core.processor.batch.SkipReason;
import org.threatsieve.core.processor.fields.Event;
import org.threatsieve.core.processor.options.OnUnavailable;
import org.threatsieve.core.processor.options.ProcessorOptions;
import org.threatsieve.core.processor.writing.Answer;
import org.threatsieve.core.processor.writing.EventWriter;

/**
 * The ingest processor {@code threat_match}, without the engine: looks up the observables of events
 * in a blacklist and writes the matches into the events.
 *
 * <p>A batch of events is one call of native code. If the call fails, no event is lost: each is
 * handled as {@code on_unavailable} says.
 */
public final class ThreatMatch {
    /** The processor's name in pipelines. */
    public static final String TYPE = "threat_match";

    private static final Logger logger = LogManager.getLogger(ThreatMatch.class);

    /** Buffers of a thread, shared by all processors. They are empty between calls. */
    private static final ThreadLocal<ObservableBatch> OBSERVABLES = ThreadLocal.withInitial(
        ObservableBatch::new
    );
    private static final ThreadLocal<LineBatch> LINES = ThreadLocal.withInitial(LineBatch::new);

    private final ProcessorOptions options;
    private final Lookup lookup;
    private final EventWriter writer;
    private final Matcher matcher;

    public ThreatMatch(ProcessorOptions options, Matcher matcher) {
        this.options = options;
        this.lookup = matcher.lookup(options.blacklist(), options.lookup());
        this.writer = new EventWriter(options);
        this.matcher = matcher;
    }

    /**
     * Looks up events and changes them.
     *
     * @return for each event, why it must fail ({@code on_unavailable: fail}), or {@code null}; the
     *     engine answers with status 503, so that senders try again
     */
    public String[] process(List<Event> events) {
        String[] failures = new String[events.size()];
        EventBatch batch = options.message() == null
            ? OBSERVABLES.get().of(options.fields())
            : LINES.get().of(options.message());
        batch.clear();
        int first = 0;
        for (int i = 0; i < events.size(); i++) {
            if (batch.add(events.get(i).fields()) == false) {
                check(batch, events, first, failures);
                batch.clear();
                first = i;
                batch.add(events.get(i).fields());
            }
        }
        check(batch, events, first, failures);
        batch.clear();
        return failures;
    }

    /**
     * Looks up a batch and writes the answer into its events.
     *
     * @param first the place of the batch's first event
     */
    private void check(EventBatch batch, List<Event> events, int first, String[] failures) {
        Answer answer;
        try {
            answer = Answer.read(batch.check(matcher, lookup), batch.events());
        } catch (NativeException e) {
            String detail = e.getMessage();
            matcher.unchecked().add(options.blacklist(), e.kind(), detail, batch.events());
            for (int i = first; i < first + batch.events(); i++) {
                failures[i] = unchecked(events.get(i), e.kind(), detail);
            }
            return;
        }
        for (int i = 0; i < batch.events(); i++) {
            Event event = events.get(first + i);
            Answer.OfEvent ofEvent = answer.events()[i];
            failures[first + i] = write(event, answer.generation(), ofEvent, batch.skipped(i));
        }
    }

    private String write(Event event, long generation, Answer.OfEvent answer, SkipReason skipped) {
        boolean hasMatched = answer != null && answer.hasMatched();
        try {
            if (hasMatched) {
                writer.matched(event, generation, answer);
            } else if (answer == null && skipped == null) {
                writer.unmatched(event, generation);
            }
        } catch (RuntimeException e) {
            // An unforeseen kind of event, such as one with objects that cannot be changed.
            String detail = "the event cannot be written: " + e;
            return countUnchecked(event, NativeException.INTERNAL, detail);
        }
        if (answer != null && answer.unchecked() != null) {
            return countUnchecked(event, answer.unchecked(), answer.detail());
        }
        if (skipped == null || hasMatched) {
            return null;
        }
        return countUnchecked(event, skipped.kind(), skipped.detail());
    }

    private String countUnchecked(Event event, String kind, String detail) {
        matcher.unchecked().add(options.blacklist(), kind, detail, 1);
        return unchecked(event, kind, detail);
    }

    private String unchecked(Event event, String kind, String detail) {
        try {
            if (options.onUnavailable() == OnUnavailable.MARK) {
                writer.unchecked(event, kind);
            } else {
                writer.passed(event);
            }
        } catch (RuntimeException e) {
            logger.warn(
                "an event that is not checked ({}) cannot be marked, and passes unchanged: {}",
                kind,
                e.toString()
            );
        }
        if (options.onUnavailable() != OnUnavailable.FAIL) {
            return null;
        }
        return "the event cannot be checked against blacklist ["
            + options.blacklist()
            + "] ("
            + kind
            + "): "
            + detail;
    }
}

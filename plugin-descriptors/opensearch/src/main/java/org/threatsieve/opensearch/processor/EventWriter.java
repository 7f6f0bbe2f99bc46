package org.threatsieve.opensearch.processor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.opensearch.ingest.IngestDocument;

/**
 * Writes what the matcher answers into events, in place of what an earlier run wrote. Each enrichment names
 * its blacklist, and so does {@code threatsieve.flags} for a flag: a processor takes back what bears its own
 * blacklist's name, in its own target and flag, and nothing else.
 */
final class EventWriter {
    /** Nested objects that an index takes in one event, unless it is set otherwise. */
    private static final int MAX_NESTED = 10_000;

    /** The part of an enrichment that says who wrote it (host/flag). */
    private static final FieldPath MARK = new FieldPath(ProcessorOptions.OURS + ".blacklist");

    private final ProcessorOptions options;

    EventWriter(ProcessorOptions options) {
        this.options = options;
    }

    /** Nothing matched: nothing is written but the generation, where every event is to have it. */
    void unmatched(IngestDocument document, long generation) {
        Run run = Run.of(document);
        takeBack(run);
        if (options.stamp() == Stamp.ALL) {
            stamp(run.ours(), generation);
        }
    }

    /** Something matched. */
    void matched(IngestDocument document, long generation, Answer.OfEvent answer) {
        Run run = Run.of(document);
        takeBack(run);
        Map<String, Object> ours = run.ours();
        if (options.stamp() != Stamp.NONE) {
            stamp(ours, generation);
        }
        writeFlag(run, ours);
        if (answer.enrichments().isEmpty() == false) {
            writeEnrichments(run, ours, answer.enrichments());
            append(ours, "confidence", answer.confidence());
        }
        add(ours, "withheld", answer.withheld());
        add(ours, "omitted", answer.omitted());
    }

    /** Whether something matches is unknown, and the event says why. What an earlier run found stays. */
    void unchecked(IngestDocument document, String kind) {
        Map<String, Object> ours = passed(document).ours();
        Object others = ours.get("unchecked");
        ours.put("unchecked", others == null || others.equals(kind) ? kind : both(others, kind));
    }

    /** The same, and the event does not say so. */
    Run passed(IngestDocument document) {
        Run run = Run.of(document);
        if (options.flag() != null) {
            for (Map<String, Object> claim : run.claims(options.flag())) {
                if (isOurs(claim) && options.flag().values(run.event()).contains(claim.get("value"))) {
                    appendNew(run.ours(), "flags", claim);
                }
            }
        }
        return run;
    }

    private static List<Object> both(Object others, String kind) {
        List<Object> kinds = new ArrayList<>();
        if (others instanceof List<?> list) {
            kinds.addAll(list);
        } else {
            kinds.add(others);
        }
        if (kinds.contains(kind) == false) {
            kinds.add(kind);
        }
        return kinds;
    }

    // What an earlier run wrote.

    private void takeBack(Run run) {
        boolean hadEnrichments = run.hasEnriched(options.blacklist(), options.target()) == false && removeEnrichments(run.event());
        FieldPath flag = options.flag();
        if (flag == null) {
            return;
        }
        List<Map<String, Object>> claims = run.claims(flag);
        if (run.hadClaims() == false && hadEnrichments && hasEnrichmentsOfOthers(run.event()) == false) {
            // Another pipeline has run since, and has removed the claim.
            claims = List.of(Run.claim(options.blacklist(), flag.name(), options.flagValue()));
        }
        boolean othersClaim = claims.stream().anyMatch(claim -> isOurs(claim) == false);
        for (Map<String, Object> claim : claims) {
            if (isOurs(claim)) {
                run.withdraw(claim);
                if (othersClaim == false && run.hasFlagged(flag) == false) {
                    flag.replace(run.event(), there -> there.equals(claim.get("value")) ? null : there);
                }
            }
        }
    }

    private boolean isOurs(Map<?, ?> mark) {
        return options.blacklist().equals(mark.get("blacklist"));
    }

    /** Tells whether there was any. */
    private boolean removeEnrichments(Map<String, Object> event) {
        boolean[] found = new boolean[1];
        options.target().replace(event, there -> {
            List<?> all = there instanceof List<?> list ? list : List.of(there);
            if (all.stream().noneMatch(this::isOurEnrichment)) {
                return there;
            }
            found[0] = true;
            List<Object> kept = new ArrayList<>(all);
            kept.removeIf(this::isOurEnrichment);
            return kept.isEmpty() ? null : kept;
        });
        return found[0];
    }

    private boolean isOurEnrichment(Object enrichment) {
        return marks(enrichment).contains(options.blacklist());
    }

    private boolean hasEnrichmentsOfOthers(Map<String, Object> event) {
        return options.target()
            .values(event)
            .stream()
            .flatMap(there -> there instanceof List<?> list ? list.stream() : List.of(there).stream())
            .anyMatch(one -> marks(one).isEmpty() == false && isOurEnrichment(one) == false);
    }

    /** The blacklist that an enrichment names as its own; none when it is somebody else's. */
    private static List<Object> marks(Object enrichment) {
        return enrichment instanceof Map<?, ?> object ? MARK.values(FieldPath.asObject(object)) : List.of();
    }

    // What this run writes.

    private void stamp(Map<String, Object> ours, long generation) {
        Object there = ours.get("generation");
        Map<String, Object> generations = there instanceof Map<?, ?> object ? FieldPath.asObject(object) : new HashMap<>();
        generations.put(options.blacklist(), generation);
        ours.put("generation", generations);
    }

    private void writeFlag(Run run, Map<String, Object> ours) {
        FieldPath flag = options.flag();
        if (flag == null) {
            return;
        }
        appendNew(ours, "flags", Run.claim(options.blacklist(), flag.name(), options.flagValue()));
        List<Object> there = flag.values(run.event());
        if (flag.isOpen(run.event()) && Shapes.mapTogether(there, options.flagValue())) {
            flag.set(run.event(), options.flagValue());
            run.noteFlag(flag);
        } else {
            appendNew(ours, "clash", flag.name());
        }
    }

    /** Appends to the target; to our own object where the index could not map both. */
    private void writeEnrichments(Run run, Map<String, Object> ours, List<Object> enrichments) {
        FieldPath target = options.target();
        List<Object> all = new ArrayList<>();
        for (Object there : target.values(run.event())) {
            if (there instanceof List<?> list) {
                all.addAll(list);
            } else {
                all.add(there);
            }
        }
        boolean fits = target.isOpen(run.event())
            && all.size() + enrichments.size() <= MAX_NESTED
            && all.stream().allMatch(one -> one == null || one instanceof Map<?, ?>)
            && (all.isEmpty() || Shapes.mapTogether(all, enrichments));
        if (fits) {
            all.addAll(enrichments);
            target.set(run.event(), all);
            run.noteEnrichments(options.blacklist(), target);
        } else {
            append(ours, "enrichments", enrichments);
            appendNew(ours, "clash", target.name());
        }
    }

    private static void appendNew(Map<String, Object> ours, String name, Object value) {
        if ((ours.get(name) instanceof List<?> there && there.contains(value)) == false) {
            append(ours, name, List.of(value));
        }
    }

    private static void append(Map<String, Object> ours, String name, List<Object> values) {
        List<Object> all = new ArrayList<>();
        if (ours.get(name) instanceof List<?> there) {
            all.addAll(there);
        }
        all.addAll(values);
        ours.put(name, all);
    }

    private static void add(Map<String, Object> ours, String name, long more) {
        if (more > 0) {
            ours.put(name, ours.get(name) instanceof Number there ? there.longValue() + more : more);
        }
    }
}

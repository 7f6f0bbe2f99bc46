package org.threatsieve.core.processor.writing;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.threatsieve.core.processor.fields.Event;
import org.threatsieve.core.processor.fields.FieldPath;
import org.threatsieve.core.processor.options.ProcessorOptions;
import org.threatsieve.core.processor.options.Stamp;

/**
 * Writes the matcher's answers into events, in place of what an earlier run wrote.
 *
 * <p>Each enrichment names its blacklist, and so does each claim to a flag in {@code
 * threatsieve.flags}. A processor removes only what names its own blacklist, and only from its own
 * target and flag.
 */
public final class EventWriter {
    /** Nested objects that an index takes in one event, by default. */
    private static final int MAX_NESTED = 10_000;

    /** The field of an enrichment that names the blacklist (host/flag). */
    private static final FieldPath MARK = new FieldPath(ProcessorOptions.OURS + ".blacklist");

    private final ProcessorOptions options;

    public EventWriter(ProcessorOptions options) {
        this.options = options;
    }

    /** Writes the generation, if every event gets it, and nothing else. */
    public void unmatched(Event event, long generation) {
        Run run = Run.of(event);
        removeEarlier(run);
        if (options.stamp() == Stamp.ALL) {
            stamp(run.ours(), generation);
        }
    }

    /** Writes flag, enrichments and generation. */
    public void matched(Event event, long generation, Answer.OfEvent answer) {
        Run run = Run.of(event);
        removeEarlier(run);
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

    /** Writes why the event was not checked. What an earlier run found stays. */
    public void unchecked(Event event, String kind) {
        Map<String, Object> ours = keepEarlier(event).ours();
        Object others = ours.get("unchecked");
        ours.put("unchecked", others == null || others.equals(kind) ? kind : both(others, kind));
    }

    /** Writes nothing about an event that was not checked. What an earlier run found stays. */
    public void passed(Event event) {
        keepEarlier(event);
    }

    /** Keeps our flag, and our claim to it. */
    private Run keepEarlier(Event event) {
        Run run = Run.of(event);
        FieldPath flag = options.flag();
        if (flag != null) {
            for (Map<String, Object> claim : run.claims(flag)) {
                if (isOurs(claim) && flag.values(run.fields()).contains(claim.get("value"))) {
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

    private void removeEarlier(Run run) {
        boolean hadEnrichments = run.hasEnriched(options.blacklist(), options.target()) == false
            && removeEnrichments(run.fields());
        FieldPath flag = options.flag();
        if (flag == null) {
            return;
        }
        List<Map<String, Object>> claims = run.claims(flag);
        boolean hasLostClaim = run.hadClaims() == false
            && hadEnrichments
            && hasEnrichmentsOfOthers(run.fields()) == false;
        if (hasLostClaim) {
            // Another pipeline has run since, and has removed the claim.
            claims = List.of(Run.claim(options.blacklist(), flag.name(), options.flagValue()));
        }
        boolean othersClaim = claims.stream().anyMatch(claim -> isOurs(claim) == false);
        for (Map<String, Object> claim : claims) {
            if (isOurs(claim)) {
                run.withdraw(claim);
                if (othersClaim == false && run.hasFlagged(flag) == false) {
                    Object claimed = claim.get("value");
                    flag.replace(run.fields(), value -> value.equals(claimed) ? null : value);
                }
            }
        }
    }

    private boolean isOurs(Map<?, ?> claim) {
        return options.blacklist().equals(claim.get("blacklist"));
    }

    /** Removes our enrichments from the target. Returns whether there were any. */
    private boolean removeEnrichments(Map<String, Object> fields) {
        boolean[] found = new boolean[1];
        options.target().replace(fields, value -> {
            List<?> all = value instanceof List<?> list ? list : List.of(value);
            if (all.stream().noneMatch(this::isOurEnrichment)) {
                return value;
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

    private boolean hasEnrichmentsOfOthers(Map<String, Object> fields) {
        return targetElements(fields).stream()
            .anyMatch(one -> marks(one).isEmpty() == false && isOurEnrichment(one) == false);
    }

    /** The blacklist that an enrichment names. Enrichments of other tools name none. */
    private static List<Object> marks(Object enrichment) {
        return enrichment instanceof Map<?, ?> object
            ? MARK.values(FieldPath.asObject(object))
            : List.of();
    }

    /** The elements of the target, in all its spellings. */
    private List<Object> targetElements(Map<String, Object> fields) {
        List<Object> elements = new ArrayList<>();
        for (Object value : options.target().values(fields)) {
            if (value instanceof List<?> list) {
                elements.addAll(list);
            } else {
                elements.add(value);
            }
        }
        return elements;
    }

    // What this run writes.

    private void stamp(Map<String, Object> ours, long generation) {
        Map<String, Object> generations = ours.get("generation") instanceof Map<?, ?> present
            ? FieldPath.asObject(present)
            : new HashMap<>();
        generations.put(options.blacklist(), generation);
        ours.put("generation", generations);
    }

    private void writeFlag(Run run, Map<String, Object> ours) {
        FieldPath flag = options.flag();
        if (flag == null) {
            return;
        }
        String value = options.flagValue();
        appendNew(ours, "flags", Run.claim(options.blacklist(), flag.name(), value));
        boolean fits = flag.isOpen(run.fields())
            && Shapes.mapTogether(flag.values(run.fields()), value);
        if (fits) {
            flag.set(run.fields(), value);
            run.noteFlag(flag);
        } else {
            appendNew(ours, "clash", flag.name());
        }
    }

    /** Appends to the target, or to our own object if the index could not map both together. */
    private void writeEnrichments(Run run, Map<String, Object> ours, List<Object> enrichments) {
        FieldPath target = options.target();
        List<Object> all = targetElements(run.fields());
        boolean fits = target.isOpen(run.fields())
            && all.size() + enrichments.size() <= MAX_NESTED
            && all.stream().allMatch(one -> one == null || one instanceof Map<?, ?>)
            && (all.isEmpty() || Shapes.mapTogether(all, enrichments));
        if (fits) {
            all.addAll(enrichments);
            target.set(run.fields(), all);
            run.noteEnrichments(options.blacklist(), target);
        } else {
            append(ours, "enrichments", enrichments);
            appendNew(ours, "clash", target.name());
        }
    }

    private static void appendNew(Map<String, Object> ours, String name, Object value) {
        if ((ours.get(name) instanceof List<?> present && present.contains(value)) == false) {
            append(ours, name, List.of(value));
        }
    }

    private static void append(Map<String, Object> ours, String name, List<Object> values) {
        List<Object> all = new ArrayList<>();
        if (ours.get(name) instanceof List<?> present) {
            all.addAll(present);
        }
        all.addAll(values);
        ours.put(name, all);
    }

    private static void add(Map<String, Object> ours, String name, long more) {
        if (more > 0) {
            Object before = ours.get(name);
            ours.put(name, before instanceof Number number ? number.longValue() + more : more);
        }
    }
}

package org.threatsieve.opensearch.processor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.opensearch.ingest.IngestDocument;

/** Writes what the matcher says into events, in place of what an earlier run wrote. */
final class EventWriter {
    private static final String OURS = ProcessorOptions.OURS;
    private static final String OURS_PREFIX = OURS + ".";

    /** The ways of matching; an enrichment with another {@code matched.type} is somebody else's. */
    private static final Set<String> OUR_TYPES = Set.of(
        "exact",
        "subdomain",
        "cidr",
        "range",
        "url",
        "url_prefix",
        "url_query_unlogged",
        "file_name"
    );

    private final ProcessorOptions options;

    EventWriter(ProcessorOptions options) {
        this.options = options;
    }

    /** Nothing matched: nothing is written but the generation, where every event is to have it. */
    void unmatched(IngestDocument document, long generation) {
        Map<String, Object> event = document.getSourceAndMetadata();
        if (hasOurs(event)) {
            removeEarlier(document, event);
        }
        if (options.stamp() == Stamp.ALL) {
            stamp(ours(document, event), generation);
        }
    }

    /** Something matched. */
    void matched(IngestDocument document, long generation, Answer.OfEvent answer) {
        Map<String, Object> event = document.getSourceAndMetadata();
        removeEarlier(document, event);
        Map<String, Object> ours = ours(document, event);
        if (options.stamp() != Stamp.NONE) {
            stamp(ours, generation);
        }
        writeFlag(event, ours);
        if (answer.enrichments().isEmpty() == false) {
            writeEnrichments(event, ours, answer.enrichments());
            append(ours, "confidence", answer.confidence());
        }
        add(ours, "withheld", answer.withheld());
        add(ours, "omitted", answer.omitted());
    }

    /** It is not known whether something matches. What an earlier run found stays until it is. */
    void unchecked(IngestDocument document, String kind) {
        Map<String, Object> event = document.getSourceAndMetadata();
        event.keySet().removeIf(key -> key.startsWith(OURS_PREFIX));
        Map<String, Object> ours = ours(document, event);
        Object others = isOfThisRun(document) ? ours.get("unchecked") : null;
        ours.put("unchecked", others == null || others.equals(kind) ? kind : both(others, kind));
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

    private static boolean hasOurs(Map<String, Object> event) {
        for (String key : event.keySet()) {
            if (key.startsWith(OURS) && (key.length() == OURS.length() || key.startsWith(OURS_PREFIX))) {
                return true;
            }
        }
        return false;
    }

    /** Whether an event's {@code threatsieve} was written by a processor before this one, not by whoever sent the event. */
    private static boolean isOfThisRun(IngestDocument document) {
        return document.getIngestMetadata().containsKey(OURS);
    }

    /** Our own object in an event, made when it is missing. */
    private static Map<String, Object> ours(IngestDocument document, Map<String, Object> event) {
        document.getIngestMetadata().put(OURS, true);
        if (event.get(OURS) instanceof Map<?, ?> there) {
            return FieldPath.asObject(there);
        }
        Map<String, Object> made = new HashMap<>();
        event.put(OURS, made);
        return made;
    }

    private void removeEarlier(IngestDocument document, Map<String, Object> event) {
        if (isOfThisRun(document)) {
            return;
        }
        Object earlier = event.remove(OURS);
        event.keySet().removeIf(key -> key.startsWith(OURS_PREFIX));
        if (earlier instanceof Map<?, ?> ours) {
            int enrichments = ours.get("confidence") instanceof List<?> confidence ? confidence.size() : 0;
            if (enrichments > 0 && ours.containsKey("enrichments") == false) {
                removeEnrichments(event, enrichments);
            }
            boolean wasFlagged = enrichments > 0 || ours.containsKey("withheld");
            if (wasFlagged && options.flag() != null && options.flagValue().equals(options.flag().get(event))) {
                options.flag().take(event);
            }
        }
    }

    /** Ours were appended, so they are the last ones that look like ours. */
    private void removeEnrichments(Map<String, Object> event, int count) {
        if (options.target().get(event) instanceof List<?> there) {
            List<Object> kept = new ArrayList<>(there);
            for (int i = kept.size() - 1; i >= 0 && count > 0; i--) {
                if (looksLikeOurs(kept.get(i))) {
                    kept.remove(i);
                    count--;
                }
            }
            options.target().take(event);
            if (kept.isEmpty() == false) {
                options.target().set(event, kept);
            }
        }
    }

    private static boolean looksLikeOurs(Object enrichment) {
        return enrichment instanceof Map<?, ?> object
            && object.get("matched") instanceof Map<?, ?> matched
            && matched.get("type") instanceof String type
            && OUR_TYPES.contains(type);
    }

    private void stamp(Map<String, Object> ours, long generation) {
        Object there = ours.get("generation");
        Map<String, Object> generations = there instanceof Map<?, ?> object ? FieldPath.asObject(object) : new HashMap<>();
        generations.put(options.blacklist(), generation);
        ours.put("generation", generations);
    }

    private void writeFlag(Map<String, Object> event, Map<String, Object> ours) {
        FieldPath flag = options.flag();
        if (flag == null) {
            return;
        }
        if (flag.isOpen(event) && holdsObject(flag.get(event)) == false) {
            flag.set(event, options.flagValue());
        } else {
            append(ours, "clash", List.of(flag.name()));
        }
    }

    private static boolean holdsObject(Object value) {
        return value instanceof Map<?, ?> || value instanceof List<?> list && list.stream().anyMatch(EventWriter::holdsObject);
    }

    /** Appends to the target; where something stands there that is no object, to our own, lest the index refuses the event. */
    private void writeEnrichments(Map<String, Object> event, Map<String, Object> ours, List<Object> enrichments) {
        FieldPath target = options.target();
        Object there = target.get(event);
        List<Object> all = new ArrayList<>();
        if (there instanceof List<?> list) {
            all.addAll(list);
        } else if (there != null) {
            all.add(there);
        }
        if (target.isOpen(event) && all.stream().allMatch(one -> one instanceof Map<?, ?>)) {
            all.addAll(enrichments);
            target.set(event, all);
        } else {
            append(ours, "enrichments", enrichments);
            append(ours, "clash", List.of(target.name()));
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

package org.threatsieve.core.processor.writing;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.BlacklistName;
import org.threatsieve.core.processor.fields.Event;
import org.threatsieve.core.processor.fields.FieldPath;
import org.threatsieve.core.processor.options.ProcessorOptions;

/**
 * One run of an event through a pipeline.
 *
 * <p>The first of our processors removes the {@code threatsieve} object that the event came with.
 * It keeps only the claims to flags. They are kept outside the event, in the ingest metadata,
 * together with data for later processors. All of it is plain lists of texts and objects, because
 * the engine copies it.
 */
final class Run {
    private static final String OURS = ProcessorOptions.OURS;
    private static final String OURS_PREFIX = OURS + ".";
    private static final FieldPath FLAGS = new FieldPath(OURS_PREFIX + "flags");

    private static final String CLAIMS = "claims";
    private static final String FLAGGED = "flagged";
    private static final String ENRICHED = "enriched";

    /** Claims that are read from an event. A cluster has at most 100 blacklists. */
    private static final int MAX_CLAIMS = 100;

    private final Event event;
    /** Data for later processors; {@code null} while there is none. */
    @Nullable
    private Map<String, Object> notes;

    private Run(Event event) {
        this.event = event;
        if (event.ingestMetadata().get(OURS) instanceof Map<?, ?> kept) {
            this.notes = FieldPath.asObject(kept);
        }
    }

    /**
     * The event's run. If it begins here, the event's own {@code threatsieve} object is removed.
     */
    static Run of(Event event) {
        Run run = new Run(event);
        if (run.notes == null && run.hasOurs()) {
            List<Object> claims = run.readClaims();
            run.fields().keySet().removeIf(Run::isOurs);
            run.notes();
            if (claims.isEmpty() == false) {
                run.list(CLAIMS).addAll(claims);
            }
        }
        return run;
    }

    /** The event's fields. */
    Map<String, Object> fields() {
        return event.fields();
    }

    /** Our own object in the event. It is added if it is missing. */
    Map<String, Object> ours() {
        notes();
        if (fields().get(OURS) instanceof Map<?, ?> present) {
            return FieldPath.asObject(present);
        }
        Map<String, Object> added = new HashMap<>();
        fields().put(OURS, added);
        return added;
    }

    private boolean hasOurs() {
        for (String key : fields().keySet()) {
            if (isOurs(key)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isOurs(String key) {
        return key.startsWith(OURS)
            && (key.length() == OURS.length() || key.startsWith(OURS_PREFIX));
    }

    // Claims to flags, from earlier runs.

    private List<Object> readClaims() {
        List<Object> claims = new ArrayList<>();
        for (Object spelling : FLAGS.values(fields())) {
            List<?> all = spelling instanceof List<?> several ? several : List.of(spelling);
            for (Object one : all) {
                boolean room = claims.size() < MAX_CLAIMS;
                if (room && one instanceof Map<?, ?> claim && isClaim(claim)) {
                    claims.add(
                        claim(text(claim, "blacklist"), text(claim, "field"), text(claim, "value"))
                    );
                }
            }
        }
        return claims;
    }

    private static boolean isClaim(Map<?, ?> claim) {
        String blacklist = text(claim, "blacklist");
        return blacklist != null
            && BlacklistName.isValid(blacklist)
            && text(claim, "field") != null
            && text(claim, "value") != null;
    }

    /** The claim that a processor of this blacklist wrote this value into this field. */
    static Map<String, Object> claim(String blacklist, String field, String value) {
        Map<String, Object> claim = new HashMap<>();
        claim.put("blacklist", blacklist);
        claim.put("field", field);
        claim.put("value", value);
        return claim;
    }

    @Nullable
    private static String text(Map<?, ?> object, String name) {
        return object.get(name) instanceof String text ? text : null;
    }

    /** Returns whether the event came with a claim. */
    boolean hadClaims() {
        return notes != null && notes.containsKey(CLAIMS);
    }

    /** The earlier claims to a flag that are not withdrawn, of all blacklists. */
    List<Map<String, Object>> claims(FieldPath flag) {
        List<Map<String, Object>> claims = new ArrayList<>();
        for (Object one : claims()) {
            if (one instanceof Map<?, ?> claim && flag.name().equals(text(claim, "field"))) {
                claims.add(FieldPath.asObject(claim));
            }
        }
        return claims;
    }

    /** Drops an earlier claim. */
    void withdraw(Map<String, Object> claim) {
        list(CLAIMS).remove(claim);
    }

    private List<?> claims() {
        return notes != null && notes.get(CLAIMS) instanceof List<?> claims ? claims : List.of();
    }

    // What this run wrote.

    boolean hasFlagged(FieldPath flag) {
        return has(FLAGGED, flag.name());
    }

    void noteFlag(FieldPath flag) {
        note(FLAGGED, flag.name());
    }

    boolean hasEnriched(String blacklist, FieldPath target) {
        return has(ENRICHED, blacklist + " " + target.name());
    }

    void noteEnrichments(String blacklist, FieldPath target) {
        note(ENRICHED, blacklist + " " + target.name());
    }

    private boolean has(String list, String value) {
        return notes != null
            && notes.get(list) instanceof List<?> values
            && values.contains(value);
    }

    private void note(String list, String value) {
        if (has(list, value) == false) {
            list(list).add(value);
        }
    }

    private Map<String, Object> notes() {
        if (notes == null) {
            notes = new HashMap<>();
            event.ingestMetadata().put(OURS, notes);
        }
        return notes;
    }

    private List<Object> list(String name) {
        if (notes().get(name) instanceof List<?> present) {
            @SuppressWarnings("unchecked")
            List<Object> values = (List<Object>) present;
            return values;
        }
        List<Object> added = new ArrayList<>();
        notes.put(name, added);
        return added;
    }
}

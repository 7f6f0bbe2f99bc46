package org.threatsieve.opensearch.processor;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

import org.opensearch.ingest.IngestDocument;

/**
 * One run of an event through a pipeline, as our processors see it. The first of them removes the event's
 * own {@code threatsieve}, whoever wrote it: of what it says, only the claims to flags are kept, outside
 * the event. What later ones must know is kept there too, in the ingest metadata, as plain lists of texts
 * and objects, since the server copies them.
 */
final class Run {
    private static final String OURS = ProcessorOptions.OURS;
    private static final String OURS_PREFIX = OURS + ".";
    private static final FieldPath FLAGS = new FieldPath(OURS_PREFIX + "flags");

    private static final String CLAIMS = "claims";
    private static final String FLAGGED = "flagged";
    private static final String ENRICHED = "enriched";

    /** Claims that are read of an event. A cluster has at most 100 blacklists. */
    private static final int MAX_CLAIMS = 100;
    private static final Pattern NAME = Pattern.compile("[a-z0-9_-]{1,64}");

    private final IngestDocument document;
    private final Map<String, Object> event;
    /** Kept for later processors; {@code null} while there is nothing to keep. */
    private Map<String, Object> notes;

    private Run(IngestDocument document) {
        this.document = document;
        this.event = document.getSourceAndMetadata();
        if (document.getIngestMetadata().get(OURS) instanceof Map<?, ?> there) {
            this.notes = FieldPath.asObject(there);
        }
    }

    /** The run that this event is in. When it begins, the event's own {@code threatsieve} goes. */
    static Run of(IngestDocument document) {
        Run run = new Run(document);
        if (run.notes == null && run.hasOurs()) {
            List<Object> claims = run.readClaims();
            run.event.keySet().removeIf(Run::isOurs);
            run.notes();
            if (claims.isEmpty() == false) {
                run.list(CLAIMS).addAll(claims);
            }
        }
        return run;
    }

    Map<String, Object> event() {
        return event;
    }

    /** Our own object in the event, made when it is missing. */
    Map<String, Object> ours() {
        notes();
        if (event.get(OURS) instanceof Map<?, ?> there) {
            return FieldPath.asObject(there);
        }
        Map<String, Object> made = new HashMap<>();
        event.put(OURS, made);
        return made;
    }

    private boolean hasOurs() {
        for (String key : event.keySet()) {
            if (isOurs(key)) {
                return true;
            }
        }
        return false;
    }

    private static boolean isOurs(String key) {
        return key.startsWith(OURS) && (key.length() == OURS.length() || key.startsWith(OURS_PREFIX));
    }

    // Claims to flags that earlier runs wrote.

    private List<Object> readClaims() {
        List<Object> claims = new ArrayList<>();
        for (Object form : FLAGS.values(event)) {
            for (Object one : form instanceof List<?> several ? several : List.of(form)) {
                if (claims.size() < MAX_CLAIMS && one instanceof Map<?, ?> claim && isClaim(claim)) {
                    claims.add(claim(text(claim, "blacklist"), text(claim, "field"), text(claim, "value")));
                }
            }
        }
        return claims;
    }

    private static boolean isClaim(Map<?, ?> claim) {
        String blacklist = text(claim, "blacklist");
        return blacklist != null && NAME.matcher(blacklist).matches() && text(claim, "field") != null && text(claim, "value") != null;
    }

    /** A processor of that blacklist wrote that value into that field. */
    static Map<String, Object> claim(String blacklist, String field, String value) {
        Map<String, Object> claim = new HashMap<>();
        claim.put("blacklist", blacklist);
        claim.put("field", field);
        claim.put("value", value);
        return claim;
    }

    static String text(Map<?, ?> object, String name) {
        return object.get(name) instanceof String text ? text : null;
    }

    /** Whether the event came with any claim. */
    boolean hadClaims() {
        return notes != null && notes.containsKey(CLAIMS);
    }

    /** The earlier claims to that flag that are left, of all blacklists. */
    List<Map<String, Object>> claims(FieldPath flag) {
        List<Map<String, Object>> claims = new ArrayList<>();
        for (Object one : claims()) {
            if (one instanceof Map<?, ?> claim && flag.name().equals(text(claim, "field"))) {
                claims.add(FieldPath.asObject(claim));
            }
        }
        return claims;
    }

    /** A claim that does not hold any more. */
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

    private boolean has(String what, String value) {
        return notes != null && notes.get(what) instanceof List<?> values && values.contains(value);
    }

    private void note(String what, String value) {
        if (has(what, value) == false) {
            list(what).add(value);
        }
    }

    private Map<String, Object> notes() {
        if (notes == null) {
            notes = new HashMap<>();
            document.getIngestMetadata().put(OURS, notes);
        }
        return notes;
    }

    private List<Object> list(String what) {
        if (notes().get(what) instanceof List<?> there) {
            @SuppressWarnings("unchecked")
            List<Object> values = (List<Object>) there;
            return values;
        }
        List<Object> made = new ArrayList<>();
        notes.put(what, made);
        return made;
    }
}

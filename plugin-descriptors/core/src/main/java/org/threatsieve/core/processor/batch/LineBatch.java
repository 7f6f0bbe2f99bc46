package org.threatsieve.core.processor.batch;

import java.util.List;
import java.util.Map;

import org.threatsieve.core.matcher.Lines;
import org.threatsieve.core.matcher.Lookup;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.OutBuffer;
import org.threatsieve.core.processor.fields.FieldPath;

/** Raw log lines from the events' message fields. Native code finds their observables. */
public final class LineBatch extends EventBatch {
    private static final int HEADER_BYTES = 4;

    private final OutBuffer lines = new OutBuffer(MAX_BYTES);
    private FieldPath field;

    /** Sets the message field for the events that follow. */
    public LineBatch of(FieldPath field) {
        this.field = field;
        return this;
    }

    @Override
    void clearBytes() {
        lines.clear();
    }

    @Override
    boolean put(Map<String, Object> event) {
        List<Object> messages = field.values(event);
        String line = "";
        if (messages.size() == 1 && messages.get(0) instanceof String text) {
            line = text;
        } else if (messages.isEmpty() == false) {
            skip(SkipReason.MALFORMED);
        }
        int header = lines.length();
        int length = lines.putText(HEADER_BYTES, line);
        if (length < 0) {
            if (events() > 0) {
                forgetEvent();
                return false;
            }
            skip(SkipReason.TOO_LONG);
            length = lines.putText(HEADER_BYTES, "");
        }
        lines.setInt(header, length);
        return true;
    }

    @Override
    public Map<String, Object> check(Matcher matcher, Lookup lookup) {
        return matcher.checkLines(lookup, new Lines(lines, events()));
    }
}

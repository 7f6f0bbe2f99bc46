package org.threatsieve.opensearch.processor;

import java.util.List;
import java.util.Map;

import org.threatsieve.opensearch.Matcher;

/** Raw log lines, one of each event's message field; native code finds the observables in them. */
final class LineBatch extends EventBatch {
    private static final int HEADER_BYTES = 4;

    private final OutBuffer lines = new OutBuffer(MAX_BYTES);
    private FieldPath field;

    /** For the message field of one processor, until the next one takes it. */
    LineBatch of(FieldPath field) {
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
            leaveOut(LeftOut.MALFORMED);
        }
        int header = lines.length;
        int length = lines.putText(HEADER_BYTES, line);
        if (length < 0) {
            if (events() > 0) {
                takeBack();
                return false;
            }
            leaveOut(LeftOut.TOO_LONG);
            length = lines.putText(HEADER_BYTES, "");
        }
        lines.setInt(header, length);
        return true;
    }

    @Override
    byte[] check(Matcher matcher, ProcessorOptions options) {
        return matcher.checkLines(options.blacklist(), options.nativeJson(), lines.bytes, lines.length, events());
    }
}

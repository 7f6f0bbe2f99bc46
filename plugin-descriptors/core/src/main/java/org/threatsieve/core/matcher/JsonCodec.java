package org.threatsieve.core.matcher;

import java.io.IOException;
import java.util.Map;

/** The engine's JSON reader and writer. */
public interface JsonCodec {
    /** Reads a JSON object. Members keep their order. */
    Map<String, Object> read(byte[] json) throws IOException;

    /** Writes a JSON object. */
    byte[] write(Map<String, Object> object) throws IOException;
}

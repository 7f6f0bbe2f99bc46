package org.threatsieve.opensearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

class XContentCodecTest {
    private final XContentCodec codec = new XContentCodec();

    @Test
    void anObjectIsWrittenInItsOrder() throws Exception {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("fields", List.of("url.original", "bücher"));
        object.put("max_tlp", null);
        object.put("partial", false);
        object.put("max_matches", 100);
        assertEquals(
            "{\"fields\":[\"url.original\",\"bücher\"],\"max_tlp\":null,\"partial\":false,"
                + "\"max_matches\":100}",
            new String(codec.write(object), StandardCharsets.UTF_8)
        );
    }

    @Test
    void anObjectIsReadWithItsNumbers() {
        String json = "{\"b\":[{\"c\":null}],\"generation\":9007199254740993,\"a\":1.5}";
        Map<String, Object> object = codec.read(json.getBytes(StandardCharsets.UTF_8));
        assertEquals("{b=[{c=null}], generation=9007199254740993, a=1.5}", object.toString());
        assertEquals(9_007_199_254_740_993L, object.get("generation"));
    }

    @Test
    void somethingElseIsAnError() {
        assertThrows(RuntimeException.class, () -> codec.read("{".getBytes()));
    }
}

package org.threatsieve.opensearch.ingest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.opensearch.OpenSearchException;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.ingest.IngestDocument;
import org.threatsieve.core.matcher.JsonCodec;
import org.threatsieve.core.matcher.MatcherOptions;
import org.threatsieve.core.matcher.NativeMatcher;

/** The adapter, on a node without the native library. */
class ThreatMatchProcessorTest {
    @TempDir
    Path folder;

    private ThreatMatchProcessor processor(Map<String, Object> config) {
        JsonCodec codec = new JsonCodec() {
            @Override
            public Map<String, Object> read(byte[] json) {
                throw new AssertionError("nothing is read");
            }

            @Override
            public byte[] write(Map<String, Object> object) {
                return new byte[0];
            }
        };
        MatcherOptions options = new MatcherOptions(100, 1 << 30, 1 << 26, 1, "");
        NativeMatcher matcher = NativeMatcher.open(folder, folder, options, codec);
        return new ThreatMatchFactory(matcher).create(Map.of(), "mine", "", new HashMap<>(config));
    }

    private static IngestDocument document() {
        Map<String, Object> source = new HashMap<>(Map.of("url", Map.of("domain", "x")));
        return new IngestDocument("index", "1", null, null, null, source);
    }

    @Test
    void anEventIsMarkedAndPasses() throws Exception {
        IngestDocument document = document();
        assertSame(document, processor(Map.of()).execute(document));
        assertEquals(
            "unavailable",
            document.getFieldValue("threatsieve.unchecked", String.class)
        );
    }

    @Test
    void aFailureTellsTheSenderToTryAgain() {
        ThreatMatchProcessor processor = processor(Map.of("on_unavailable", "fail"));
        OpenSearchStatusException failure = assertThrows(
            OpenSearchStatusException.class,
            () -> processor.execute(document())
        );
        assertEquals(RestStatus.SERVICE_UNAVAILABLE, failure.status());
    }

    @Test
    void aWrongOptionIsNamedTheEnginesWay() {
        OpenSearchException refused = assertThrows(
            OpenSearchException.class,
            () -> processor(Map.of("min_confidence", 101))
        );
        assertEquals("[min_confidence] is 101, expected 0 to 100", refused.getMessage());
        assertEquals(List.of("mine"), refused.getMetadata("opensearch.processor_tag"));
        assertEquals(
            List.of("min_confidence"),
            refused.getMetadata("opensearch.property_name")
        );
        assertEquals("threat_match", processor(Map.of()).getType());
    }
}

package org.threatsieve.opensearch;

import java.io.IOException;
import java.util.Map;

import org.opensearch.common.xcontent.XContentFactory;
import org.opensearch.common.xcontent.XContentHelper;
import org.opensearch.core.common.bytes.BytesArray;
import org.opensearch.core.common.bytes.BytesReference;
import org.opensearch.core.xcontent.MediaTypeRegistry;
import org.opensearch.core.xcontent.XContentBuilder;
import org.threatsieve.core.matcher.JsonCodec;

/** The engine's JSON, for the core. */
final class XContentCodec implements JsonCodec {
    @Override
    public Map<String, Object> read(byte[] json) {
        return XContentHelper.convertToMap(new BytesArray(json), true, MediaTypeRegistry.JSON).v2();
    }

    @Override
    public byte[] write(Map<String, Object> object) throws IOException {
        try (XContentBuilder json = XContentFactory.jsonBuilder()) {
            return BytesReference.toBytes(BytesReference.bytes(json.map(object)));
        }
    }
}

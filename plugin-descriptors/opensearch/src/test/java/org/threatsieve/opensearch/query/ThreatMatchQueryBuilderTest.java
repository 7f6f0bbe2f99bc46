package org.threatsieve.opensearch.query;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;

import org.junit.jupiter.api.Test;
import org.opensearch.common.io.stream.BytesStreamOutput;
import org.opensearch.common.xcontent.json.JsonXContent;
import org.opensearch.core.common.ParsingException;
import org.opensearch.core.common.Strings;
import org.opensearch.core.xcontent.MediaTypeRegistry;
import org.opensearch.core.xcontent.DeprecationHandler;
import org.opensearch.core.xcontent.NamedXContentRegistry;
import org.opensearch.core.xcontent.XContentParser;

class ThreatMatchQueryBuilderTest {
    private final QueryService service = new QueryService(new TermMatcher(), 1, 1);

    private ThreatMatchQueryBuilder read(String options) throws IOException {
        try (
            XContentParser parser = JsonXContent.jsonXContent.createParser(
                NamedXContentRegistry.EMPTY,
                DeprecationHandler.THROW_UNSUPPORTED_OPERATION,
                options
            )
        ) {
            parser.nextToken();
            return ThreatMatchQueryBuilder.read(parser, service);
        }
    }

    @Test
    void aQueryIsTheSameOnAnotherNode() throws IOException {
        String options = "{'fields':['host',{'field':'link','kind':'url'}],'max_tlp':null,"
            + "'min_confidence':5,'time_field':null,'boost':2.0,'_name':'bad'}";
        ThreatMatchQueryBuilder query = read(options.replace("'", "\""));
        BytesStreamOutput out = new BytesStreamOutput();
        query.writeTo(out);
        ThreatMatchQueryBuilder there = new ThreatMatchQueryBuilder(
            out.bytes().streamInput(),
            service
        );
        assertEquals(query, there);
        assertEquals(query.hashCode(), there.hashCode());
        String text = Strings.toString(MediaTypeRegistry.JSON, there);
        assertEquals("{'threat_match':" + options + "}", text.replace("\"", "'"));
        assertTrue(query.equals(read("{\"fields\":[\"host\"]}")) == false);
    }

    @Test
    void wrongOptionsNameTheirPlace() {
        ParsingException wrong = assertThrows(
            ParsingException.class,
            () -> read("{\"fields\":[\"a\"],\"minconfidence\":5}")
        );
        assertEquals(
            "[threat_match] [minconfidence] is not an option of threat_match; the nearest is"
                + " [min_confidence]",
            wrong.getMessage()
        );
        assertThrows(ParsingException.class, () -> read("{\"fields\":[\"a\"],\"boost\":\"x\"}"));
    }
}

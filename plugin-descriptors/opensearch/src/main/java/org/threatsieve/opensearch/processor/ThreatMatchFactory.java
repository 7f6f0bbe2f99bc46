package org.threatsieve.opensearch.processor;

import java.util.Map;

import org.opensearch.ingest.Processor;
import org.threatsieve.opensearch.Matcher;

/** Makes processors from what stands in pipelines. */
public final class ThreatMatchFactory implements Processor.Factory {
    private final Matcher matcher;

    public ThreatMatchFactory(Matcher matcher) {
        this.matcher = matcher;
    }

    @Override
    public ThreatMatchProcessor create(
        Map<String, Processor.Factory> processorFactories,
        String tag,
        String description,
        Map<String, Object> config
    ) {
        return new ThreatMatchProcessor(tag, description, ProcessorOptions.read(new OptionReader(tag, config)), matcher);
    }
}

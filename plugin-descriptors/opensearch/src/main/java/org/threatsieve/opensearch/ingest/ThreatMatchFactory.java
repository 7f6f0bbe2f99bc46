package org.threatsieve.opensearch.ingest;

import java.util.Map;

import org.opensearch.ingest.ConfigurationUtils;
import org.opensearch.ingest.Processor;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.processor.ThreatMatch;
import org.threatsieve.core.processor.options.OptionReader;
import org.threatsieve.core.processor.options.ProcessorOptions;
import org.threatsieve.core.processor.options.WrongOption;

/** Makes the processors of pipelines. */
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
        ProcessorOptions options;
        try {
            options = ProcessorOptions.read(new OptionReader(ThreatMatch.TYPE, config));
        } catch (WrongOption e) {
            throw ConfigurationUtils.newConfigurationException(
                ThreatMatch.TYPE,
                tag,
                e.option(),
                e.getMessage()
            );
        }
        return new ThreatMatchProcessor(tag, description, new ThreatMatch(options, matcher));
    }
}

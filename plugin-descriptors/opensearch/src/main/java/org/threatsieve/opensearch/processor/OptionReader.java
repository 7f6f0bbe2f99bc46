package org.threatsieve.opensearch.processor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

import org.opensearch.OpenSearchException;
import org.opensearch.ingest.ConfigurationUtils;

/** Reads a processor's options, each once; whatever is wrong is told with the option's name. */
final class OptionReader {
    private static final String TYPE = ThreatMatchProcessor.TYPE;

    private final String tag;
    private final Map<String, Object> config;

    /** Takes options out of the configuration as they are read. */
    OptionReader(String tag, Map<String, Object> config) {
        this.tag = tag;
        this.config = config;
    }

    /** The server's way to refuse a pipeline. */
    OpenSearchException refused(Option option, String reason) {
        return ConfigurationUtils.newConfigurationException(TYPE, tag, option.key(), reason);
    }

    boolean has(Option option) {
        return config.containsKey(option.key());
    }

    /** An option that may be {@code null} on purpose; the default is for one that is not there. */
    String textOrNull(Option option, String absent) {
        if (has(option) == false) {
            return absent;
        }
        return ConfigurationUtils.readOptionalStringProperty(TYPE, tag, config, option.key());
    }

    String text(Option option, String absent) {
        return ConfigurationUtils.readStringProperty(TYPE, tag, config, option.key(), absent);
    }

    boolean truth(Option option, boolean absent) {
        return ConfigurationUtils.readBooleanProperty(TYPE, tag, config, option.key(), absent);
    }

    int number(Option option, int absent, int least, int most) {
        int number = ConfigurationUtils.readIntProperty(TYPE, tag, config, option.key(), absent);
        if (number < least || number > most) {
            throw refused(option, "is " + number + ", expected " + least + " to " + most);
        }
        return number;
    }

    /** One of a few words, in lower case. */
    <E extends Enum<E>> E word(Option option, E absent) {
        String given = text(option, word(absent));
        E[] all = absent.getDeclaringClass().getEnumConstants();
        for (E one : all) {
            if (word(one).equals(given)) {
                return one;
            }
        }
        String expected = Arrays.stream(all).map(OptionReader::word).collect(Collectors.joining(", "));
        throw refused(option, "is [" + given + "], expected one of " + expected);
    }

    private static String word(Enum<?> one) {
        return one.name().toLowerCase(Locale.ROOT);
    }

    /** One of a few words as they stand in the list. */
    String oneOf(Option option, String given, List<String> all) {
        if (all.contains(given) == false) {
            throw refused(option, "is [" + given + "], expected one of " + String.join(", ", all));
        }
        return given;
    }

    /** A field's name. */
    FieldPath field(Option option, String name) {
        String fault = FieldPath.fault(name);
        if (fault != null) {
            throw refused(option, fault);
        }
        return new FieldPath(name);
    }

    /** A list of texts. */
    List<String> texts(Option option, List<String> absent) {
        List<Object> given = ConfigurationUtils.readOptionalList(TYPE, tag, config, option.key());
        if (given == null) {
            return absent;
        }
        List<String> texts = new ArrayList<>();
        for (Object one : given) {
            if (one instanceof String text) {
                texts.add(text);
            } else {
                throw refused(option, "holds [" + one + "], expected strings");
            }
        }
        return texts;
    }

    /** Refuses what no option is called. */
    void refuseUnknown() {
        for (String key : config.keySet()) {
            Option nearest = Option.nearest(key);
            if (nearest.key().equals(key) == false) {
                String reason = "is no option of " + TYPE + "; the nearest is [" + nearest.key() + "]";
                throw ConfigurationUtils.newConfigurationException(TYPE, tag, key, reason);
            }
        }
    }
}

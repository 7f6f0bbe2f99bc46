package org.threatsieve.core.processor.options;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import org.threatsieve.core.Nullable;
import org.threatsieve.core.processor.fields.FieldPath;

/**
 * Reads the options of a processor or a query, each once. Throws {@link WrongOption} for a wrong
 * one.
 */
public final class OptionReader {
    private final String processor;
    private final Map<String, Object> config;
    private final Set<Option> known;

    /**
     * @param processor the processor's name, for messages
     * @param config the processor's options; an option is removed when it is read, because the
     *     engine rejects a pipeline with options left over
     */
    public OptionReader(String processor, Map<String, Object> config) {
        this(processor, config, Option.PROCESSOR);
    }

    /** @param known the options that it has */
    public OptionReader(String processor, Map<String, Object> config, Set<Option> known) {
        this.processor = processor;
        this.config = config;
        this.known = known;
    }

    WrongOption wrong(Option option, String reason) {
        return new WrongOption(option.key(), reason);
    }

    boolean has(Option option) {
        return config.containsKey(option.key());
    }

    /** Reads a text. An option that is given as {@code null} stays {@code null}. */
    @Nullable
    String textOrNull(Option option, String absent) {
        if (has(option) == false) {
            return absent;
        }
        Object given = config.remove(option.key());
        return given == null ? null : text(option, given);
    }

    /** Reads a text. Without a default, the option is required. */
    String text(Option option, @Nullable String absent) {
        Object given = config.remove(option.key());
        if (given != null) {
            return text(option, given);
        }
        if (absent == null) {
            throw wrong(option, "is missing, expected a string");
        }
        return absent;
    }

    private String text(Option option, Object given) {
        if (given instanceof String text) {
            return text;
        }
        throw wrong(option, "isn't a string, but of type [" + type(given) + "]");
    }

    boolean truth(Option option, boolean absent) {
        Object given = config.remove(option.key());
        if (given == null) {
            return absent;
        }
        if (given instanceof Boolean truth) {
            return truth;
        }
        throw wrong(option, "isn't a boolean, but of type [" + type(given) + "]");
    }

    int number(Option option, int absent, int least, int most) {
        Object given = config.remove(option.key());
        int number;
        try {
            number = given == null ? absent : Integer.parseInt(given.toString());
        } catch (NumberFormatException e) {
            throw wrong(option, "is [" + given + "], expected an int, " + least + " to " + most);
        }
        if (number < least || number > most) {
            throw wrong(option, "is " + number + ", expected " + least + " to " + most);
        }
        return number;
    }

    /** Reads one of an enum's names, in lower case. */
    <E extends Enum<E>> E word(Option option, E absent) {
        String given = text(option, word(absent));
        E[] all = absent.getDeclaringClass().getEnumConstants();
        for (E one : all) {
            if (word(one).equals(given)) {
                return one;
            }
        }
        String expected = Arrays.stream(all)
            .map(OptionReader::word)
            .collect(Collectors.joining(", "));
        throw wrong(option, "is [" + given + "], expected one of " + expected);
    }

    private static String word(Enum<?> one) {
        return one.name().toLowerCase(Locale.ROOT);
    }

    /** Checks that a text is in a list. */
    String oneOf(Option option, String given, List<String> all) {
        if (all.contains(given) == false) {
            throw wrong(option, "is [" + given + "], expected one of " + String.join(", ", all));
        }
        return given;
    }

    /** Checks a field's name. */
    FieldPath field(Option option, String name) {
        String fault = FieldPath.fault(name);
        if (fault != null) {
            throw wrong(option, fault);
        }
        return new FieldPath(name);
    }

    /** Reads a list. It is {@code null} if the option is not given. */
    @Nullable
    List<?> list(Option option) {
        Object given = config.remove(option.key());
        if (given == null || given instanceof List<?>) {
            return (List<?>) given;
        }
        throw wrong(option, "isn't a list, but of type [" + type(given) + "]");
    }

    /** Reads a list of texts. */
    List<String> texts(Option option, List<String> absent) {
        List<?> given = list(option);
        if (given == null) {
            return absent;
        }
        List<String> texts = new ArrayList<>();
        for (Object one : given) {
            if (one instanceof String text) {
                texts.add(text);
            } else {
                throw wrong(option, "holds [" + one + "], expected strings");
            }
        }
        return texts;
    }

    private static String type(Object given) {
        return given.getClass().getSimpleName();
    }

    /** Checks that every name is an option's. */
    void refuseUnknown() {
        for (String key : config.keySet()) {
            String nearest = Option.nearest(known, key).key();
            if (nearest.equals(key) == false) {
                String reason = "is not an option of " + processor;
                throw new WrongOption(key, reason + "; the nearest is [" + nearest + "]");
            }
        }
    }
}

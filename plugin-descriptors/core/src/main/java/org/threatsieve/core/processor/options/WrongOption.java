package org.threatsieve.core.processor.options;

/** An option that cannot be used. The message does not repeat the option's name. */
public final class WrongOption extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String option;

    WrongOption(String option, String reason) {
        super(reason);
        this.option = option;
    }

    /** The option's name, as the pipeline has it. */
    public String option() {
        return option;
    }
}

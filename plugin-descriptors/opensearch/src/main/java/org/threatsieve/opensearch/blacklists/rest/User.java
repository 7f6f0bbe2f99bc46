package org.threatsieve.opensearch.blacklists.rest;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.opensearch.common.util.concurrent.ThreadContext;

/** The user who makes a request, according to the security plugin. */
final class User {
    /** {@code NAME|BACKEND ROLES|ROLES|...}, with {@code \|} for a bar in a name. */
    private static final String INFORMATION = "_opendistro_security_user_info";
    private static final Pattern NAME = Pattern.compile(
        "((?:[^|\\\\]|\\\\.)*)\\|.*",
        Pattern.DOTALL
    );

    /**
     * Present with administrators' certificates too, which have no {@link #INFORMATION}. It is an
     * object of the security plugin.
     */
    private static final String IDENTITY = "_opendistro_security_user";

    static final String ANONYMOUS = "anonymous";
    static final String ADMINISTRATOR = "administrator's certificate";

    private User() {}

    /** The user's name. Without the security plugin, every user is {@link #ANONYMOUS}. */
    static String name(ThreadContext context) {
        Object information = context.getTransient(INFORMATION);
        if (information == null) {
            return context.getTransient(IDENTITY) == null ? ANONYMOUS : ADMINISTRATOR;
        }
        Matcher parts = NAME.matcher(information.toString());
        return parts.matches() ? parts.group(1).replace("\\|", "|") : information.toString();
    }
}

package org.threatsieve.opensearch.blacklists;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.opensearch.common.util.concurrent.ThreadContext;

/** Who asks, as the security plugin says. */
final class User {
    /** {@code NAME|BACKEND ROLES|ROLES|...}, with {@code \|} for a bar in a name. */
    private static final String INFORMATION = "_opendistro_security_user_info";
    private static final Pattern NAME = Pattern.compile("((?:[^|\\\\]|\\\\.)*)\\|.*", Pattern.DOTALL);

    /** There with administrators' certificates too, which have no information. It is of a class of the security plugin's. */
    private static final String IDENTITY = "_opendistro_security_user";

    static final String ANONYMOUS = "anonymous";
    private static final String ADMINISTRATOR = "administrator's certificate";

    private User() {}

    /** Without the security plugin everybody is {@link #ANONYMOUS}. */
    static String name(ThreadContext context) {
        Object information = context.getTransient(INFORMATION);
        if (information == null) {
            return context.getTransient(IDENTITY) == null ? ANONYMOUS : ADMINISTRATOR;
        }
        Matcher parts = NAME.matcher(information.toString());
        return parts.matches() ? parts.group(1).replace("\\|", "|") : information.toString();
    }
}

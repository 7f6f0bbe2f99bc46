package org.threatsieve.opensearch.blacklists.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.util.concurrent.ThreadContext;

class UserTest {
    private final ThreadContext context = new ThreadContext(Settings.EMPTY);

    private String name(String information) {
        context.putTransient("_opendistro_security_user_info", information);
        return User.name(context);
    }

    @Test
    void withoutTheSecurityPluginEveryUserIsAnonymous() {
        assertEquals("anonymous", User.name(context));
    }

    @Test
    void theNameEndsAtTheFirstBar() {
        assertEquals("anna", name("anna|backend,roles|own,roles|tenant"));
    }

    @Test
    void aBarInANameIsEscaped() {
        assertEquals("an|na", name("an\\|na|roles|roles"));
    }

    @Test
    void aTextOfAnotherFormIsTheName() {
        assertEquals("anna", name("anna"));
    }

    @Test
    void anAdministratorsCertificateHasNoInformation() {
        context.putTransient("_opendistro_security_user", new Object());
        assertEquals("administrator's certificate", User.name(context));
    }
}

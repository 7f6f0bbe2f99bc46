package org.threatsieve.core.processor.fields;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

class EcsSchemaTest {
    private static String conflict(String name) {
        return EcsSchema.conflict(new FieldPath(name));
    }

    @Test
    void namesOfEcsAreConflicts() {
        assertEquals("which is a field of ECS", conflict("@timestamp"));
        assertEquals("which is a field of ECS", conflict("client.nat.ip"));
        assertEquals("which is an object of ECS", conflict("client"));
        assertEquals("which is an object of ECS", conflict("client.nat"));
        assertEquals("which is inside the field [tags] of ECS", conflict("tags.flag"));
        assertEquals("which is inside the field [client.ip] of ECS", conflict("client.ip.a.b"));
    }

    @Test
    void anObjectWithFreeKeysTakesNewOnes() {
        assertEquals("which is an object of ECS", conflict("labels"));
        assertNull(conflict("labels.flag"));
    }

    @Test
    void otherNamesAreFree() {
        assertNull(conflict("indicator"));
        assertNull(conflict("event.flag"));
        assertNull(conflict("clients"));
    }

    @Test
    void everyDefaultFieldIsAFieldOfEcs() {
        for (String field : EcsFields.all()) {
            assertEquals("which is a field of ECS", conflict(field), field);
        }
    }
}

package org.threatsieve.core.blacklists;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.pointer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LocalFilesTest {
    @TempDir
    Path data;
    private Path folder;
    private LocalFiles files;

    @BeforeEach
    void setUp() {
        folder = data.resolve("threatsieve");
        files = new LocalFiles(folder);
    }

    private Path add(String name, long generation) throws IOException {
        Path partial = files.partial();
        Files.writeString(partial, "x");
        Path copy = files.copy(name, pointer(generation));
        files.move(partial, copy);
        return copy;
    }

    @Test
    void copiesAreFoundByTheirNames() throws IOException {
        assertEquals(List.of(), files.copies());
        Path copy = add("office", 3);
        Files.writeString(folder.resolve("readme.txt"), "x");
        Files.writeString(folder.resolve("Office.3.0.blacklist"), "x");
        assertEquals(List.of(new LocalFiles.Copy("office", pointer(3), copy)), files.copies());
        assertTrue(copy.getFileName().toString().startsWith("office.3.00"));
    }

    @Test
    void onlyOneCopyOfABlacklistStays() throws IOException {
        add("office", 1);
        Path kept = add("office", 2);
        Path other = add("office-2", 1);
        files.keepOnly("office", kept);
        assertEquals(2, files.copies().size());
        assertTrue(Files.exists(kept) && Files.exists(other));
        files.removeAll("office");
        assertFalse(Files.exists(kept));
        assertTrue(Files.exists(other));
    }

    @Test
    void incompleteFilesAreRemoved() throws IOException {
        Path copy = add("office", 1);
        Path partial = files.partial();
        Path pushed = files.pushed();
        Files.writeString(partial, "x");
        Files.writeString(pushed, "x");
        assertEquals(folder, partial.getParent());
        assertEquals(folder, pushed.getParent().getParent());
        files.removePartial();
        assertFalse(Files.exists(partial) || Files.exists(pushed));
        assertTrue(Files.exists(copy));
    }
}

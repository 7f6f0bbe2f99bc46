package org.threatsieve.core.blacklists;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.threatsieve.core.Nullable;

/**
 * The node's own copies of what it serves, {@code NAME.GENERATION.DIGEST.blacklist}. With them, a
 * node serves right after a restart. Other nodes do not use the folder: the engine locks its data
 * folder. Incomplete files are called {@code *.partial}.
 */
public final class LocalFiles {
    private static final Pattern COPY = Pattern.compile(
        "([a-z0-9_-]{1,64})\\.([0-9]{1,19})\\.([0-9a-f]{64})\\.blacklist"
    );
    private static final String PARTIAL = ".partial";

    /** The subfolder for pushed files that are being verified. */
    private static final String PUSHED = "pushed";

    private final Path folder;

    /** A copy on disk. */
    public record Copy(String name, Pointer pointer, Path file) {}

    /** @param folder the node's folder for blacklists; it is made when it is needed */
    public LocalFiles(Path folder) {
        this.folder = folder;
    }

    /** The path of a copy, whether it exists or not. */
    public Path copy(String name, Pointer pointer) {
        String file = name + "." + pointer.generation() + "." + pointer.digest() + ".blacklist";
        return folder.resolve(file);
    }

    /** Returns a path for a new file in the folder of the copies. */
    public Path partial() throws IOException {
        return partialIn(folder);
    }

    /** Returns a path for a file that was pushed. */
    public Path pushed() throws IOException {
        return partialIn(folder.resolve(PUSHED));
    }

    private static Path partialIn(Path folder) throws IOException {
        Files.createDirectories(folder);
        return folder.resolve(UUID.randomUUID() + PARTIAL);
    }

    /**
     * Renames a complete file. At every moment, the copy is the old file, the new one, or missing.
     */
    public void move(Path partial, Path copy) throws IOException {
        Files.move(partial, copy, StandardCopyOption.ATOMIC_MOVE);
    }

    /** All copies. */
    public List<Copy> copies() throws IOException {
        List<Copy> copies = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file : files.toList()) {
                    Matcher parts = COPY.matcher(file.getFileName().toString());
                    if (parts.matches()) {
                        Pointer pointer = Pointer.parse(parts.group(2) + ":" + parts.group(3));
                        copies.add(new Copy(parts.group(1), pointer, file));
                    }
                }
            }
        }
        return copies;
    }

    /** Removes all copies of a blacklist but one. */
    public void keepOnly(String name, @Nullable Path copy) throws IOException {
        for (Copy each : copies()) {
            if (each.name().equals(name) && each.file().equals(copy) == false) {
                Files.deleteIfExists(each.file());
            }
        }
    }

    /** Removes all copies of a blacklist. */
    public void removeAll(String name) throws IOException {
        keepOnly(name, null);
    }

    /** Removes incomplete files, which a node leaves when it is killed. */
    public void removePartial() throws IOException {
        for (Path place : List.of(folder, folder.resolve(PUSHED))) {
            if (Files.isDirectory(place)) {
                try (Stream<Path> files = Files.list(place)) {
                    for (Path file : files.toList()) {
                        if (file.toString().endsWith(PARTIAL)) {
                            Files.deleteIfExists(file);
                        }
                    }
                }
            }
        }
    }
}

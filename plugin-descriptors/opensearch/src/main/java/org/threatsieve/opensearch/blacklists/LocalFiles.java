package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.opensearch.common.UUIDs;
import org.opensearch.env.NodeEnvironment;

/**
 * The node's own copies of what it serves, {@code NAME.GENERATION.DIGEST.blacklist}, so that it serves again after a restart before it has asked anybody. The
 * folder is the node's alone, as its data folder is locked. Files being made are {@code *.partial} and of a name of their own.
 */
final class LocalFiles {
    private static final Pattern COPY = Pattern.compile("([a-z0-9_-]{1,64})\\.([0-9]{1,19})\\.([0-9a-f]{64})\\.blacklist");

    /** Files that are about to be verified, apart from the copies. */
    private static final String PUSHED = "pushed";

    private final Path folder;

    /** A copy on disk. */
    record Copy(String name, Pointer pointer, Path file) {}

    private LocalFiles(Path folder) {
        this.folder = folder;
    }

    static LocalFiles of(NodeEnvironment node) {
        if (node.hasNodeFile()) {
            return new LocalFiles(node.nodeDataPaths()[0].resolve("threatsieve"));
        }
        // `node.local_storage: false`: such a node keeps nothing over a restart.
        try {
            return new LocalFiles(Files.createTempDirectory("threatsieve"));
        } catch (IOException e) {
            throw new UncheckedIOException("no folder for blacklists", e);
        }
    }

    Path copy(String name, Pointer pointer) {
        return folder.resolve(name + "." + pointer.generation() + "." + pointer.digest() + ".blacklist");
    }

    /** A path for a new file beside the copies. */
    Path partial() throws IOException {
        return partialIn(folder);
    }

    /** A path for a new file that was pushed. */
    Path pushed() throws IOException {
        return partialIn(folder.resolve(PUSHED));
    }

    private static Path partialIn(Path folder) throws IOException {
        Files.createDirectories(folder);
        return folder.resolve(UUIDs.randomBase64UUID() + ".partial");
    }

    /** Whoever looks at the place has the old file, the new one, or none; never half of one. */
    void move(Path partial, Path copy) throws IOException {
        Files.move(partial, copy, StandardCopyOption.ATOMIC_MOVE);
    }

    /** All copies. */
    List<Copy> copies() throws IOException {
        List<Copy> copies = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file : files.toList()) {
                    Matcher parts = COPY.matcher(file.getFileName().toString());
                    if (parts.matches()) {
                        copies.add(new Copy(parts.group(1), Pointer.parse(parts.group(2) + ":" + parts.group(3)), file));
                    }
                }
            }
        }
        return copies;
    }

    /** Removes all copies of a blacklist but this one. */
    void keepOnly(String name, Path copy) throws IOException {
        for (Copy each : copies()) {
            if (each.name().equals(name) && each.file().equals(copy) == false) {
                Files.deleteIfExists(each.file());
            }
        }
    }

    /** Removes all copies of a blacklist. */
    void removeAll(String name) throws IOException {
        keepOnly(name, null);
    }

    /** Removes what a node that ended left half-made. */
    void removePartial() throws IOException {
        for (Path place : List.of(folder, folder.resolve(PUSHED))) {
            if (Files.isDirectory(place)) {
                try (Stream<Path> files = Files.list(place)) {
                    for (Path file : files.filter(file -> file.toString().endsWith(".partial")).toList()) {
                        Files.deleteIfExists(file);
                    }
                }
            }
        }
    }
}

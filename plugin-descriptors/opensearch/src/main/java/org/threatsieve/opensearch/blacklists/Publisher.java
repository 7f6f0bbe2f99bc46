package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.Nullable;
import org.opensearch.common.UUIDs;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;
import org.threatsieve.opensearch.Matcher;
import org.threatsieve.opensearch.NativeException;
import org.threatsieve.opensearch.blacklists.Manifest.Stamp;

/**
 * Changes what the cluster serves. The order holds whatever fails in between: first the parts, then the history that tells of the change, then the pointer;
 * and what is removed is removed after the pointer has moved away from it. Nothing here waits for nodes: who asks is answered by {@link Fleet}.
 */
public final class Publisher {
    private static final Logger logger = LogManager.getLogger(Publisher.class);

    /** Contents that are kept besides the one that is served, so that they can be rolled back to. */
    static final Setting<Integer> KEEP = Setting.intSetting("threatsieve.kept_generations", 1, 1, 20, Property.Dynamic, Property.NodeScope);

    private static final int MOST_BLACKLISTS = 100;

    private final ClusterService clusterService;
    private final Store store;
    private final Changes changes;
    private final Uploads uploads;
    private final Sweep sweep;
    private final Matcher matcher;
    private final LocalFiles files;
    private volatile double maxShrink;
    private volatile int keep;

    Publisher(ClusterService clusterService, BlacklistIndex index, Store store, Matcher matcher, LocalFiles files) {
        this.clusterService = clusterService;
        this.store = store;
        Search search = new Search(index);
        changes = new Changes(index, store);
        uploads = new Uploads(index, store, search);
        sweep = new Sweep(clusterService, index, store, search);
        this.matcher = matcher;
        this.files = files;
        maxShrink = Admission.MAX_SHRINK.get(clusterService.getSettings());
        keep = KEEP.get(clusterService.getSettings());
        clusterService.getClusterSettings().addSettingsUpdateConsumer(Admission.MAX_SHRINK, value -> maxShrink = value);
        clusterService.getClusterSettings().addSettingsUpdateConsumer(KEEP, value -> keep = value);
    }

    // Pushing.

    /** A file in one request. */
    Pending put(PutRequest request, String user) throws IOException {
        if (request.content.length() == 0) {
            throw ThreatsieveRefused.input("empty", "expected a built blacklist as the request's body, got none");
        }
        return publish(request, request.digest, user, file -> {
            try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                request.content.writeTo(out);
            }
        });
    }

    /** A file whose parts are there. They stay when it is refused: one may be sent again, or the shrinking allowed. */
    Pending commit(PutRequest request, String user) throws IOException {
        Upload upload = uploads.find(request.name, request.upload);
        Pending pending = publish(request, upload.digest(), user, file -> {
            try {
                store.fetchContent(upload.content(), Store.parts(upload.bytes()), file);
            } catch (Store.MissingPart e) {
                int part = e.part * Store.PART_BYTES / Upload.PART_BYTES;
                throw ThreatsieveRefused.conflict("incomplete", "part " + part + " of " + upload.parts() + " (from 0) is missing: send it, and commit again");
            }
        });
        try {
            store.remove(upload);
        } catch (RuntimeException e) {
            logger.warn("the parts of an upload of [{}] stay in the index for now: {}", request.name, e.toString());
        }
        return pending;
    }

    private interface Source {
        void writeTo(Path file) throws IOException;
    }

    /**
     * Verifies a file and makes it the wanted one. What is stored is what was verified: its parts are written from this node's file under a
     * name that nobody else knows, so that nothing that is sent meanwhile can get into it.
     */
    private Pending publish(PutRequest request, @Nullable String digest, String user, Source source) throws IOException {
        requireLibrary();
        Path file = null;
        try {
            file = files.pushed();
            source.writeTo(file);
            Inspection inspection = Inspection.of(matcher, file);
            Admission.checkFile(request.name, inspection, digest, memoryLimitBytes());
            Pointer before = replace(request, inspection, file, new Stamp(now(), user));
            sweep.run();
            return new Pending(request.name, before, inspection.pointer(), request.timeout);
        } catch (NativeException e) {
            // Without the path, which is nothing for whoever pushes.
            throw ThreatsieveRefused.of(new NativeException(e.kind(), e.getMessage().replace(file + ": ", "")));
        } catch (IOException e) {
            logger.warn("a pushed blacklist cannot be verified on this node", e);
            throw ThreatsieveRefused.unable("io", "this node cannot keep the file while it is verified (its log says more): " + reason(e));
        } finally {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        }
    }

    /** Without the path, which is nothing for whoever pushes. */
    private static String reason(IOException e) {
        String why = e instanceof FileSystemException failure ? failure.getReason() : e.getMessage();
        return why == null ? e.getClass().getSimpleName() : why;
    }

    /** Makes this content the wanted one, if it may follow. Returns what was before. */
    private Pointer replace(PutRequest request, Inspection inspection, Path file, Stamp pushed) throws IOException {
        String name = request.name;
        Manifest manifest = Manifest.pushed(inspection, UUIDs.base64UUID(), Store.parts(inspection.bytes()), pushed);
        boolean storing = false;
        boolean stored = false;
        try {
            Pointer current = changes.pointer(name);
            for (int attempt = 0; attempt < Changes.ATTEMPTS; attempt++) {
                Changes.pause(name, attempt);
                History history = store.history(name);
                boolean repeated = manifest.pointer().equals(current);
                Manifest there = history.find(manifest.pointer());
                if (repeated && there != null && store.matches(there, file)) {
                    if (stored) {
                        changes.remove(name, manifest);
                    }
                    return current;
                }
                if (repeated == false) {
                    requireRoom(name);
                    Admission.checkSuccession(inspection, current, history, request.allowShrink, maxShrink);
                }
                if (stored == false) {
                    storing = true;
                    store.storeContent(name, manifest.content(), file);
                    stored = true;
                }
                History written = store.write(history.pushed(manifest));
                if (written == null) {
                    current = changes.pointer(name);
                    continue;
                }
                // The parts of the same content that are lost or damaged, if that is what is repaired.
                changes.removeContents(history, written);
                Pointer found = repeated ? current : changes.exchange(name, current, manifest.pointer());
                if (Objects.equals(found, current) || manifest.pointer().equals(found)) {
                    String how = repeated ? "is stored again" : "becomes the wanted one";
                    logger.info("blacklist [{}]: generation {} {}, pushed by [{}]", name, manifest.pointer().generation(), how, pushed.by());
                    Pointer before = current;
                    changes.tidy(name, kept -> kept.trimmed(before, manifest.pointer(), keep));
                    return current;
                }
                current = found;
            }
            throw Changes.contended(name);
        } catch (ThreatsieveRefused e) {
            if (stored) {
                changes.record(name, history -> history.without(manifest));
                changes.remove(name, manifest);
            }
            throw e;
        } catch (IOException | RuntimeException e) {
            if (storing && stored == false) {
                changes.remove(name, manifest);
            }
            throw e;
        }
    }

    private void requireRoom(String name) {
        Set<String> names = Pointers.of(clusterService.state()).keySet();
        if (names.contains(name) == false && names.size() >= MOST_BLACKLISTS) {
            throw ThreatsieveRefused.conflict("limit", "there are " + names.size() + " blacklists, and " + MOST_BLACKLISTS + " is the most: delete one");
        }
    }

    // Uploads.

    Map<String, Object> begin(UploadRequest request, String user) throws IOException {
        requireLibrary();
        sweep.run();
        return uploads.begin(request, user, memoryLimitBytes());
    }

    Map<String, Object> part(UploadRequest request) throws IOException {
        return uploads.part(request);
    }

    Map<String, Object> abort(UploadRequest request) {
        return uploads.abort(request);
    }

    // Going back, and away.

    Pending rollback(NamedRequest request, String user) throws IOException {
        String name = request.name;
        Pointer current = changes.pointer(name);
        for (int attempt = 0; attempt < Changes.ATTEMPTS; attempt++) {
            Changes.pause(name, attempt);
            requireServed(name, current);
            History history = store.history(name);
            Manifest target = request.generation == null ? history.before(current) : history.find(request.generation);
            if (target == null) {
                throw ThreatsieveRefused.conflict(
                    "generation",
                    (request.generation == null ? "no generation before " + current.generation() : "generation " + request.generation + " is not kept")
                        + "; kept are " + history.generations() + ", with threatsieve.kept_generations = " + keep
                );
            }
            Pointer from = current;
            Pointer wanted = target.pointer();
            if (wanted.equals(from)) {
                return new Pending(name, from, wanted, request.timeout);
            }
            requireStored(name, target);
            Stamp stamp = new Stamp(now(), user);
            Changes.Outcome outcome = changes.change(name, from, wanted, history, history.rolledBack(from, wanted, stamp));
            if (outcome.done()) {
                logger.info("blacklist [{}] goes back to generation {}, rolled back by [{}]", name, wanted.generation(), user);
                return new Pending(name, from, wanted, request.timeout);
            }
            current = outcome.found();
        }
        throw Changes.contended(name);
    }

    /** Nothing is gone back to that no node could load. */
    private void requireStored(String name, Manifest target) throws IOException {
        String fault = null;
        Path file = null;
        try {
            file = files.pushed();
            store.fetchContent(target.content(), target.parts(), file);
            if (matcher.failure() == null) {
                Pointer found = Inspection.of(matcher, file).pointer();
                fault = found.equals(target.pointer()) ? null : "it is [" + found + "]";
            }
        } catch (Store.MissingPart | NativeException e) {
            fault = e.getMessage().replace(file + ": ", "");
        } catch (IOException e) {
            // No reason to serve a bad blacklist any longer: the nodes verify what they fetch.
            logger.warn("generation [{}] of [{}] is gone back to without being verified first", target.pointer(), name, e);
        } finally {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        }
        if (fault != null) {
            throw ThreatsieveRefused.conflict(
                "missing",
                "the stored content of generation " + target.pointer().generation() + " of [" + name + "] cannot be served: " + fault
            );
        }
    }

    Pending delete(NamedRequest request, String user) throws IOException {
        String name = request.name;
        Pointer current = changes.pointer(name);
        for (int attempt = 0; attempt < Changes.ATTEMPTS; attempt++) {
            Changes.pause(name, attempt);
            requireServed(name, current);
            History history = store.history(name);
            Changes.Outcome outcome = changes.change(name, current, null, history, history.deleted(new Stamp(now(), user)));
            if (outcome.done()) {
                logger.info("blacklist [{}] is deleted by [{}]", name, user);
                changes.tidy(name, History::withoutDeleted);
                return new Pending(name, current, null, request.timeout);
            }
            current = outcome.found();
        }
        throw Changes.contended(name);
    }

    private static void requireServed(String name, @Nullable Pointer current) {
        if (current == null) {
            throw ThreatsieveRefused.missing("name", "there is no blacklist [" + name + "]");
        }
    }

    // What all of them need.

    private void requireLibrary() {
        if (matcher.failure() != null) {
            throw ThreatsieveRefused.unable(NativeException.UNAVAILABLE, matcher.failure());
        }
    }

    private long memoryLimitBytes() {
        return Json.number(Json.object(matcher.status()), "memory_limit_bytes");
    }

    static Instant now() {
        return Instant.now().truncatedTo(ChronoUnit.MILLIS);
    }
}

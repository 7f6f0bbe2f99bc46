package org.threatsieve.opensearch.blacklists;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.ExceptionsHelper;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.Nullable;
import org.opensearch.common.UUIDs;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.common.bytes.BytesReference;
import org.opensearch.transport.ActionNotFoundTransportException;
import org.threatsieve.opensearch.Matcher;
import org.threatsieve.opensearch.NativeException;
import org.threatsieve.opensearch.blacklists.Manifest.Stamp;

/**
 * Changes what the cluster serves. The order holds whatever fails in between: first the parts, then the history that names them, then the pointer; and what is
 * removed is removed after the pointer has moved away from it.
 */
public final class Publisher {
    private static final Logger logger = LogManager.getLogger(Publisher.class);

    /** Contents that are kept besides the one that is served, so that they can be rolled back to. */
    static final Setting<Integer> KEEP = Setting.intSetting("threatsieve.kept_generations", 1, 1, 20, Property.Dynamic, Property.NodeScope);

    private static final int MOST_BLACKLISTS = 100;

    /** How often a decision is taken again that others overtook. */
    private static final int ATTEMPTS = 10;

    private static final long ORPHANS_EVERY_NANOS = TimeValue.timeValueMinutes(10).nanos();

    private final ClusterService clusterService;
    private final BlacklistIndex index;
    private final Store store;
    private final Fleet fleet;
    private final Matcher matcher;
    private final LocalFiles files;
    private final AtomicLong orphansNanos = new AtomicLong(System.nanoTime());
    private volatile double maxShrink;
    private volatile int keep;

    Publisher(ClusterService clusterService, BlacklistIndex index, Store store, Fleet fleet, Matcher matcher, LocalFiles files) {
        this.clusterService = clusterService;
        this.index = index;
        this.store = store;
        this.fleet = fleet;
        this.matcher = matcher;
        this.files = files;
        maxShrink = Admission.MAX_SHRINK.get(clusterService.getSettings());
        keep = KEEP.get(clusterService.getSettings());
        clusterService.getClusterSettings().addSettingsUpdateConsumer(Admission.MAX_SHRINK, value -> maxShrink = value);
        clusterService.getClusterSettings().addSettingsUpdateConsumer(KEEP, value -> keep = value);
    }

    // Pushing.

    /** A file in one request. */
    Map<String, Object> put(PutRequest request, String user) throws IOException {
        if (request.content.length() == 0) {
            throw ThreatsieveRefused.input("empty", "expected a built blacklist as the request's body, got none");
        }
        return publish(request, request.digest, null, user, file -> {
            try (OutputStream out = Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                request.content.writeTo(out);
            }
        });
    }

    /** A file whose parts are there. They stay when it is refused: one may be sent again, or the shrinking allowed. */
    Map<String, Object> commit(PutRequest request, String user) throws IOException {
        Upload upload = upload(request.name, request.upload);
        return publish(request, upload.digest(), upload, user, file -> {
            try {
                store.fetchContent(upload.content(), upload.parts(), file);
            } catch (Store.MissingPart e) {
                throw ThreatsieveRefused.conflict("incomplete", "part " + e.part + " of " + upload.parts() + " (from 0) is missing: send it, and commit again");
            }
        });
    }

    private interface Source {
        void writeTo(Path file) throws IOException;
    }

    private Map<String, Object> publish(PutRequest request, @Nullable String digest, @Nullable Upload upload, String user, Source source)
        throws IOException {
        requireLibrary();
        Pointer wanted;
        Pointer before;
        Path file = null;
        try {
            file = files.pushed();
            source.writeTo(file);
            Inspection inspection = Inspection.of(matcher, file);
            Admission.checkFile(request.name, inspection, digest, memoryLimitBytes());
            wanted = inspection.pointer();
            before = replace(request, inspection, file, upload, new Stamp(now(), user));
        } catch (NativeException e) {
            throw ThreatsieveRefused.of(e);
        } catch (IOException e) {
            throw ThreatsieveRefused.unable("io", "this node cannot keep the file while it is verified: " + e);
        } finally {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        }
        removeOrphans();
        return answer(request.name, before, wanted, request.timeout);
    }

    /** Makes this content the wanted one, if it may follow. Returns what was before. */
    private Pointer replace(PutRequest request, Inspection inspection, Path file, @Nullable Upload upload, Stamp pushed) throws IOException {
        String name = request.name;
        String content = upload == null ? UUIDs.base64UUID() : upload.content();
        Manifest manifest = Manifest.pushed(inspection, content, Store.parts(inspection.bytes()), pushed);
        boolean stored = upload != null;
        try {
            Pointer current = pointer(name);
            for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                History history = store.history(name);
                boolean repeated = manifest.pointer().equals(current);
                if (repeated && history.holds(manifest)) {
                    if (stored) {
                        remove(name, manifest);
                    }
                    return current;
                }
                if (repeated == false) {
                    requireRoom(name);
                    Admission.checkSuccession(inspection, current, history, request.allowShrink, maxShrink);
                }
                if (stored == false) {
                    store.storeContent(name, content, file);
                    stored = true;
                }
                if (store.write(history.pushed(manifest)) == false) {
                    current = pointer(name);
                    continue;
                }
                Pointer found = repeated ? current : exchange(name, current, manifest.pointer());
                if (Objects.equals(found, current) || manifest.pointer().equals(found)) {
                    logger.info("blacklist [{}] becomes generation {}, pushed by [{}]", name, manifest.pointer().generation(), pushed.by());
                    trim(name, current, manifest.pointer());
                    if (upload != null) {
                        // From now on nobody may replace or remove its parts.
                        store.remove(upload);
                    }
                    return current;
                }
                current = found;
            }
            throw contended(name);
        } catch (ThreatsieveRefused e) {
            if (stored) {
                record(name, history -> history.without(manifest));
                if (upload == null) {
                    remove(name, manifest);
                }
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
        if (request.bytes <= 0) {
            throw ThreatsieveRefused.input("limit", "[bytes] is " + request.bytes + ", expected the file's size");
        }
        if (Pointer.isDigest(request.digest) == false) {
            throw ThreatsieveRefused.input("digest", "[digest] is [" + request.digest + "], expected the blacklist's digest, 64 of 0-9 and a-f");
        }
        // Loading takes more than the file, so what is larger than the limit need not be sent.
        if (request.bytes > memoryLimitBytes()) {
            throw Admission.budget(request.bytes, request.bytes, memoryLimitBytes());
        }
        Upload upload = new Upload(request.name, UUIDs.base64UUID(), request.bytes, request.digest, new Stamp(now(), user));
        store.write(upload);
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("upload", upload.content());
        json.put("part_bytes", Store.PART_BYTES);
        json.put("parts", upload.parts());
        json.put("expires_at", upload.begun().at().plusMillis(Upload.LIFE.millis()).toString());
        return json;
    }

    Map<String, Object> part(UploadRequest request) throws IOException {
        Upload upload = upload(request.name, request.upload);
        if (request.part < 0 || request.part >= upload.parts()) {
            throw ThreatsieveRefused.input("limit", "part " + request.part + " of an upload with parts 0 to " + (upload.parts() - 1));
        }
        int expected = upload.partBytes(request.part);
        if (request.content.length() != expected) {
            throw ThreatsieveRefused.input("limit", "part " + request.part + " has " + request.content.length() + " bytes, expected " + expected);
        }
        store.storePart(upload.name(), upload.content(), request.part, BytesReference.toBytes(request.content));
        return Map.of("acknowledged", true);
    }

    Map<String, Object> abort(UploadRequest request) {
        Upload upload = upload(request.name, request.upload);
        store.removeContent(upload.content(), upload.parts());
        return Map.of("acknowledged", true);
    }

    private Upload upload(String name, String content) {
        Upload upload = store.upload(content);
        if (upload == null || upload.name().equals(name) == false || upload.isOver(now())) {
            throw ThreatsieveRefused.missing(
                "upload",
                "there is no upload [" + content + "] of the blacklist [" + name + "]: it is committed, given up, or older than " + Upload.LIFE + "; begin a new one"
            );
        }
        return upload;
    }

    // Going back, and away.

    Map<String, Object> rollback(NamedRequest request, String user) throws IOException {
        String name = request.name;
        Pointer current = pointer(name);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
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
            Pointer wanted = target.pointer();
            Pointer found = wanted.equals(current) ? current : exchange(name, current, wanted);
            if (Objects.equals(found, current)) {
                Pointer from = current;
                Stamp stamp = new Stamp(now(), user);
                if (wanted.equals(from) == false) {
                    record(name, stored -> stored.rolledBack(from, wanted, stamp));
                    logger.info("blacklist [{}] goes back to generation {}, rolled back by [{}]", name, wanted.generation(), user);
                }
                return answer(name, from, wanted, request.timeout);
            }
            current = found;
        }
        throw contended(name);
    }

    Map<String, Object> delete(NamedRequest request, String user) throws IOException {
        String name = request.name;
        Pointer current = pointer(name);
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            requireServed(name, current);
            Pointer found = exchange(name, current, null);
            if (Objects.equals(found, current)) {
                Stamp stamp = new Stamp(now(), user);
                record(name, stored -> stored.deleted(stamp));
                logger.info("blacklist [{}] is deleted by [{}]", name, user);
                return answer(name, current, null, request.timeout);
            }
            current = found;
        }
        throw contended(name);
    }

    private static void requireServed(String name, @Nullable Pointer current) {
        if (current == null) {
            throw ThreatsieveRefused.missing("name", "there is no blacklist [" + name + "]");
        }
    }

    private interface Change {
        History of(History stored);
    }

    /** A failure costs room, until the next push. */
    private void trim(String name, @Nullable Pointer before, Pointer current) {
        try {
            record(name, history -> history.trimmed(before, current, keep));
        } catch (IOException | RuntimeException e) {
            logger.warn("older generations of [{}] stay in the index for now: {}", name, e.toString());
        }
    }

    /** Writes down what has happened already. */
    private void record(String name, Change change) throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            History history = store.history(name);
            History next = change.of(history);
            if (next.manifests().equals(history.manifests())) {
                return;
            }
            if (store.write(next)) {
                removeContents(history, next);
                return;
            }
        }
        throw contended(name);
    }

    // Looking.

    Map<String, Object> history(String name) {
        List<Manifest> manifests = store.history(name).manifests();
        if (manifests.isEmpty()) {
            throw ThreatsieveRefused.missing("name", "nothing was ever pushed as [" + name + "]");
        }
        Pointer current = pointer(name);
        List<Map<String, Object>> newestFirst = new ArrayList<>();
        for (Manifest manifest : manifests) {
            Map<String, Object> json = manifest.json();
            json.put("current", manifest.pointer().equals(current) && manifest.kept());
            newestFirst.add(0, json);
        }
        return Map.of("history", newestFirst);
    }

    Map<String, Object> status(@Nullable String name) {
        Map<String, Object> wanted = new LinkedHashMap<>();
        Pointers.of(clusterService.state()).forEach((each, pointer) -> {
            if (name == null || name.equals(each)) {
                wanted.put(each, Map.of("generation", pointer.generation(), "digest", pointer.digest()));
            }
        });
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("blacklists", wanted);
        json.put("nodes", fleet.status(name));
        return json;
    }

    // What all of them need.

    private Map<String, Object> answer(String name, @Nullable Pointer before, @Nullable Pointer wanted, TimeValue timeout) {
        Map<String, Object> progress = fleet.await(name, before, wanted, timeout);
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("acknowledged", progress.get("acknowledged"));
        json.put("name", name);
        json.put("generation", wanted == null ? null : wanted.generation());
        json.put("digest", wanted == null ? null : wanted.digest());
        json.putAll(progress);
        return json;
    }

    private Pointer pointer(String name) {
        return Pointers.of(clusterService.state()).get(name);
    }

    /** Returns what was there. It is exchanged if it is the expected one. */
    private Pointer exchange(String name, @Nullable Pointer expected, @Nullable Pointer wanted) {
        try {
            return index.execute(SetPointerAction.INSTANCE, new SetPointerAction.Request(name, expected, wanted)).found;
        } catch (RuntimeException e) {
            if (ExceptionsHelper.unwrap(e, ActionNotFoundTransportException.class) != null) {
                throw ThreatsieveRefused.unable("plugin", "the cluster manager does not have the plugin: install it on all nodes that may be elected");
            }
            throw e;
        }
    }

    private static ThreatsieveRefused contended(String name) {
        return ThreatsieveRefused.conflict("contended", "others change the blacklist [" + name + "] at the same time: try again");
    }

    private void requireLibrary() {
        if (matcher.failure() != null) {
            throw ThreatsieveRefused.unable(NativeException.UNAVAILABLE, matcher.failure());
        }
    }

    private long memoryLimitBytes() {
        return Json.number(Json.object(matcher.status()), "memory_limit_bytes");
    }

    /** Removes contents that the history named before and does not any more. */
    private void removeContents(History before, History after) {
        Set<String> named = after.contents();
        before.manifests().stream().filter(manifest -> manifest.kept() && named.contains(manifest.content()) == false).forEach(manifest -> remove(before.name(), manifest));
    }

    /** A failure costs room, until the parts are found as orphans. */
    private void remove(String name, Manifest manifest) {
        try {
            store.removeContent(manifest.content(), manifest.parts());
        } catch (RuntimeException e) {
            logger.warn("generation {} of [{}] is not wanted any more, and stays in the index for now: {}", manifest.pointer().generation(), name, e.toString());
        }
    }

    private void removeOrphans() {
        long last = orphansNanos.get();
        if (System.nanoTime() - last >= ORPHANS_EVERY_NANOS && orphansNanos.compareAndSet(last, System.nanoTime())) {
            try {
                store.removeOrphans();
            } catch (RuntimeException e) {
                logger.warn("old parts of blacklists stay in the index for now: {}", e.toString());
            }
        }
    }

    private static Instant now() {
        return Instant.now().truncatedTo(ChronoUnit.MILLIS);
    }
}

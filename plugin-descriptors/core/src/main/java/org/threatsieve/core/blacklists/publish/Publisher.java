package org.threatsieve.core.blacklists.publish;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.Attribution;
import org.threatsieve.core.blacklists.BlacklistName;
import org.threatsieve.core.blacklists.History;
import org.threatsieve.core.blacklists.Inspection;
import org.threatsieve.core.blacklists.Json;
import org.threatsieve.core.blacklists.LocalFiles;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.Refused;
import org.threatsieve.core.blacklists.StoredParts;
import org.threatsieve.core.blacklists.Upload;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.core.blacklists.store.MissingPart;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.NativeException;

/**
 * Changes what the cluster serves. Calls block, and wait for no node.
 *
 * <p>The order is the same everywhere, so that a failure at any point does no harm: first the parts
 * are written, then the history, and then the pointer. Things are removed after the pointer has
 * moved away from them.
 */
public final class Publisher {
    private static final Logger logger = LogManager.getLogger(Publisher.class);

    private static final int MAX_BLACKLISTS = 100;

    private final Pointers pointers;
    private final Store store;
    private final Changes changes;
    private final Uploads uploads;
    private final Sweep sweep;
    private final Matcher matcher;
    private final LocalFiles files;
    private final PublishSettings settings;

    public Publisher(
        Pointers pointers,
        Documents documents,
        Store store,
        Matcher matcher,
        LocalFiles files,
        PublishSettings settings
    ) {
        this.pointers = pointers;
        this.store = store;
        this.changes = new Changes(pointers, store, Thread::sleep);
        this.uploads = new Uploads(documents, store);
        this.sweep = new Sweep(pointers, documents, store);
        this.matcher = matcher;
        this.files = files;
        this.settings = settings;
    }

    // Pushing.

    /** Serves a file. */
    public PendingChange push(Push push, String user) throws IOException {
        return push.upload() == null ? pushBody(push, user) : pushUpload(push, user);
    }

    private PendingChange pushBody(Push push, String user) throws IOException {
        if (push.bodyBytes() == 0) {
            String reason = "expected a built blacklist as the request's body, got none";
            throw Refused.input("empty", reason);
        }
        return publish(push, push.digest(), user, file -> {
            try (
                OutputStream out = Files.newOutputStream(
                    file,
                    StandardOpenOption.CREATE_NEW,
                    StandardOpenOption.WRITE
                )
            ) {
                push.body().writeTo(out);
            }
        });
    }

    /** If the push is refused, the parts stay: a part may be sent again, or the loss be allowed. */
    private PendingChange pushUpload(Push push, String user) throws IOException {
        Upload upload = uploads.find(push.name(), push.upload());
        PendingChange pending = publish(push, upload.digest(), user, file -> {
            try {
                store.fetchContent(upload.content(), StoredParts.count(upload.bytes()), file);
            } catch (MissingPart e) {
                String reason = "part "
                    + Upload.ofStoredPart(e.part())
                    + " of "
                    + upload.parts()
                    + " (from 0) is missing: send it, and commit again";
                throw Refused.conflict("incomplete", reason);
            }
        });
        try {
            store.remove(upload);
        } catch (RuntimeException e) {
            logger.warn(
                "the parts of an upload of blacklist [{}] stay in the index for now: {}",
                push.name(),
                e.toString()
            );
        }
        return pending;
    }

    private interface Source {
        void writeTo(Path file) throws IOException;
    }

    /**
     * Verifies a file and makes it the wanted one. The parts are written from the verified file,
     * under a name that nobody else knows: nothing that is sent meanwhile can get into them.
     */
    private PendingChange publish(
        Push push,
        @Nullable String digest,
        String user,
        Source source
    ) throws IOException {
        requireLibrary();
        Path file = null;
        try {
            file = files.pushed();
            source.writeTo(file);
            Inspection inspection = Inspection.of(matcher, file);
            Admission.checkFile(push.name(), inspection, digest, memoryLimitBytes());
            Attribution pushed = new Attribution(store.now(), user);
            Pointer before = replace(push, inspection, file, pushed);
            sweep.run();
            return new PendingChange(push.name(), before, inspection.pointer(), push.timeout());
        } catch (NativeException e) {
            throw Refused.of(new NativeException(e.kind(), withoutPath(e.getMessage(), file)));
        } catch (IOException e) {
            logger.warn("a pushed blacklist cannot be verified on this node", e);
            String reason = "this node cannot keep the file while it is verified (its log says more): ";
            throw Refused.unable("io", reason + withoutPath(e));
        } finally {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        }
    }

    /** Removes the path from a message. It means nothing to the user who pushes. */
    private static String withoutPath(String message, Path file) {
        return message.replace(file + ": ", "");
    }

    private static String withoutPath(IOException e) {
        String why = e instanceof FileSystemException failure
            ? failure.getReason()
            : e.getMessage();
        return why == null ? e.getClass().getSimpleName() : why;
    }

    /**
     * Makes this content the wanted one, if it may follow the present one.
     *
     * @return the pointer before
     */
    private Pointer replace(Push push, Inspection inspection, Path file, Attribution pushed)
        throws IOException {
        String name = push.name();
        int parts = StoredParts.count(inspection.bytes());
        Manifest added = Manifest.pushed(inspection, store.newContentName(), parts, pushed);
        boolean storing = false;
        boolean stored = false;
        try {
            Pointer current = changes.pointer(name);
            for (int attempt = 0; attempt < Changes.ATTEMPTS; attempt++) {
                changes.pause(name, attempt);
                History history = store.history(name);
                boolean repeated = added.pointer().equals(current);
                Manifest present = history.find(added.pointer());
                if (repeated && present != null && store.matches(present, file)) {
                    if (stored) {
                        changes.remove(name, added);
                    }
                    return current;
                }
                if (repeated == false) {
                    checkSuccession(push, inspection, current, history);
                }
                if (stored == false) {
                    storing = true;
                    store.storeContent(name, added.content(), file);
                    stored = true;
                }
                History written = store.write(history.pushed(added));
                if (written == null) {
                    current = changes.pointer(name);
                    continue;
                }
                // Lost or damaged parts of the same content, if this push repairs it.
                changes.removeContents(history, written);
                Pointer found = repeated
                    ? current
                    : pointers.exchange(name, current, added.pointer());
                if (Objects.equals(found, current) || added.pointer().equals(found)) {
                    wanted(name, added, current, repeated);
                    return current;
                }
                current = found;
            }
            throw Changes.contended(name);
        } catch (Refused e) {
            if (stored) {
                changes.record(name, history -> history.without(added));
                changes.remove(name, added);
            }
            throw e;
        } catch (IOException | RuntimeException e) {
            if (storing && stored == false) {
                changes.remove(name, added);
            }
            throw e;
        }
    }

    private void checkSuccession(Push push, Inspection file, Pointer current, History history) {
        boolean temporary = BlacklistName.isTemporary(push.name());
        Set<String> names = pointers.now().keySet();
        long alike = names.stream()
            .filter(name -> BlacklistName.isTemporary(name) == temporary)
            .count();
        if (names.contains(push.name()) == false && alike >= MAX_BLACKLISTS) {
            String reason = "the cluster has "
                + alike
                + (temporary ? " temporary" : "")
                + " blacklists, and at most "
                + MAX_BLACKLISTS
                + " are allowed: delete one";
            throw Refused.conflict("limit", reason);
        }
        if (temporary) {
            Admission.checkTemporary(file, current);
            return;
        }
        boolean allowShrink = push.allowShrink();
        Admission.checkSuccession(file, current, history, allowShrink, settings.maxShrink());
    }

    /** Finishes a push whose content is the wanted one now. */
    private void wanted(String name, Manifest added, @Nullable Pointer before, boolean repeated) {
        logger.info(
            "blacklist [{}]: generation {} {}, pushed by [{}]",
            name,
            added.pointer().generation(),
            repeated ? "was stored again" : "is the wanted one now",
            added.pushed().by()
        );
        if (BlacklistName.isTemporary(name)) {
            changes.removeUnneeded(name, history -> history.only(added));
            return;
        }
        int keep = settings.keptGenerations();
        changes.removeUnneeded(name, history -> history.trimmed(before, added.pointer(), keep));
    }

    // Uploads.

    /** Begins an upload. Returns the API's answer. */
    public Map<String, Object> begin(String name, long bytes, String digest, String user)
        throws IOException {
        requireLibrary();
        sweep.run();
        return uploads.begin(name, bytes, digest, user, memoryLimitBytes());
    }

    /** Stores a part of an upload. Returns the API's answer. */
    public Map<String, Object> part(String name, String upload, int part, byte[] data)
        throws IOException {
        return uploads.part(name, upload, part, data);
    }

    /** Ends an upload without serving it. Returns the API's answer. */
    public Map<String, Object> abort(String name, String upload) {
        return uploads.abort(name, upload);
    }

    // Rolling back and deleting.

    /**
     * Serves an earlier content again.
     *
     * @param generation the generation to serve; {@code null} for the one before
     */
    public PendingChange rollback(
        String name,
        @Nullable Long generation,
        Duration timeout,
        String user
    ) throws IOException {
        if (BlacklistName.isTemporary(name)) {
            String reason = "[" + name + "] is a temporary blacklist, of which no history is kept";
            throw Refused.input("name", reason);
        }
        Pointer current = changes.pointer(name);
        for (int attempt = 0; attempt < Changes.ATTEMPTS; attempt++) {
            changes.pause(name, attempt);
            requireServed(name, current);
            History history = store.history(name);
            Manifest target = generation == null
                ? history.before(current)
                : history.find(generation);
            if (target == null) {
                throw notKept(generation, current, history);
            }
            Pointer wanted = target.pointer();
            if (wanted.equals(current)) {
                return new PendingChange(name, current, wanted, timeout);
            }
            requireStored(name, target);
            Attribution rollback = new Attribution(store.now(), user);
            History after = history.rolledBack(current, wanted, rollback);
            Changes.Outcome outcome = changes.change(name, current, wanted, history, after);
            if (outcome.done()) {
                logger.info(
                    "blacklist [{}]: rolled back to generation {} by [{}]",
                    name,
                    wanted.generation(),
                    user
                );
                return new PendingChange(name, current, wanted, timeout);
            }
            current = outcome.found();
        }
        throw Changes.contended(name);
    }

    private Refused notKept(@Nullable Long generation, Pointer current, History history) {
        String what = generation == null
            ? "no generation before " + current.generation() + " is kept"
            : "generation " + generation + " is not kept";
        String reason = what
            + "; kept are "
            + history.generations()
            + ", with threatsieve.kept_generations = "
            + settings.keptGenerations();
        return Refused.conflict("generation", reason);
    }

    /** Refuses to roll back to a content that no node could load. */
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
        } catch (MissingPart | NativeException e) {
            fault = withoutPath(e.getMessage(), file);
        } catch (IOException e) {
            // A full disk here is no reason to keep a bad blacklist: nodes verify what they fetch.
            logger.warn(
                "generation [{}] of blacklist [{}] is rolled back to without verifying it first",
                target.pointer(),
                name,
                e
            );
        } finally {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        }
        if (fault != null) {
            String reason = "the stored content of generation "
                + target.pointer().generation()
                + " of ["
                + name
                + "] cannot be served: "
                + fault;
            throw Refused.conflict("missing", reason);
        }
    }

    /** Serves nothing under this name. */
    public PendingChange delete(String name, Duration timeout, String user) throws IOException {
        Pointer current = changes.pointer(name);
        for (int attempt = 0; attempt < Changes.ATTEMPTS; attempt++) {
            changes.pause(name, attempt);
            requireServed(name, current);
            History history = store.history(name);
            History after = history.deleted(new Attribution(store.now(), user));
            Changes.Outcome outcome = changes.change(name, current, null, history, after);
            if (outcome.done()) {
                logger.info("blacklist [{}]: deleted by [{}]", name, user);
                changes.removeUnneeded(name, History::withoutDeleted);
                if (BlacklistName.isTemporary(name)) {
                    changes.forget(name);
                }
                return new PendingChange(name, current, null, timeout);
            }
            current = outcome.found();
        }
        throw Changes.contended(name);
    }

    private static void requireServed(String name, @Nullable Pointer current) {
        if (current == null) {
            throw Refused.missing("name", "there is no blacklist [" + name + "]");
        }
    }

    private void requireLibrary() {
        if (matcher.failure() != null) {
            throw Refused.unable(NativeException.UNAVAILABLE, matcher.failure());
        }
    }

    private long memoryLimitBytes() {
        return Json.number(matcher.status(), "memory_limit_bytes");
    }
}

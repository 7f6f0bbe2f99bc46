package org.threatsieve.core.blacklists.load;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.threatsieve.core.blacklists.Inspection;
import org.threatsieve.core.blacklists.LocalFiles;
import org.threatsieve.core.blacklists.Manifest;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.store.Documents;
import org.threatsieve.core.blacklists.store.MissingPart;
import org.threatsieve.core.blacklists.store.Store;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.NativeException;

/** Brings a blacklist's content into the matcher: from the node's own copy, or from the index. */
final class ContentSource {
    private static final Logger logger = LogManager.getLogger(ContentSource.class);

    /** The kind of failure when the index does not hold the content. */
    private static final String MISSING = "missing";

    /** Kinds of failures that are the file's own fault. */
    private static final Set<String> BAD_FILE = Set.of("damaged", "signature", "name");

    private static final String INDEX = "[" + Documents.INDEX + "]";
    private static final String PUSH_AGAIN = "; push it again";

    private final Store store;
    private final Matcher matcher;
    private final LocalFiles files;

    ContentSource(Store store, Matcher matcher, LocalFiles files) {
        this.store = store;
        this.matcher = matcher;
        this.files = files;
    }

    /** Loads a content, and removes the node's copies of other contents. */
    void load(String name, Pointer wanted) throws IOException, FetchFailed {
        if (matcher.failure() != null) {
            throw new NativeException(NativeException.UNAVAILABLE, matcher.failure());
        }
        Path copy = files.copy(name, wanted);
        if (Files.exists(copy) && loadCopy(name, wanted, copy) == false) {
            Files.delete(copy);
        }
        if (Files.exists(copy) == false) {
            fetch(name, wanted, copy);
            matcher.load(name, copy);
        }
        files.keepOnly(name, copy);
    }

    /** Loads the node's own copy. Returns false if the copy is bad: then it is fetched again. */
    boolean loadCopy(String name, Pointer wanted, Path copy) {
        try {
            if (Inspection.of(matcher, copy).pointer().equals(wanted)) {
                matcher.load(name, copy);
                return true;
            }
        } catch (NativeException e) {
            if (BAD_FILE.contains(e.kind()) == false) {
                throw e;
            }
            logger.debug("the node's own copy {} is not used", copy, e);
        }
        return false;
    }

    /** Drops a blacklist and the node's copies of it. */
    void unload(String name) throws IOException {
        matcher.unload(name);
        files.removeAll(name);
    }

    private void fetch(String name, Pointer wanted, Path copy) throws IOException, FetchFailed {
        Path partial = files.partial();
        try {
            Manifest manifest = store.history(name).find(wanted);
            if (manifest == null) {
                throw new FetchFailed(MISSING, INDEX + " does not hold it" + PUSH_AGAIN);
            }
            store.fetchContent(manifest.content(), manifest.parts(), partial);
            Pointer fetched = inspectFetched(partial);
            if (fetched.equals(wanted) == false) {
                String message = INDEX + " holds [" + fetched + "] in place of [" + wanted + "]";
                throw new FetchFailed(MISSING, message + PUSH_AGAIN);
            }
            files.move(partial, copy);
        } catch (NativeException | IOException e) {
            throw e;
        } catch (MissingPart e) {
            throw new FetchFailed(MISSING, e.getMessage() + PUSH_AGAIN);
        } catch (RuntimeException e) {
            throw new FetchFailed(LoadState.FETCH, "it cannot be read from " + INDEX + ": " + e);
        } finally {
            Files.deleteIfExists(partial);
        }
    }

    /** Verifies a fetched file. If it is damaged in the index, it is damaged for all nodes. */
    private Pointer inspectFetched(Path partial) throws FetchFailed {
        try {
            return Inspection.of(matcher, partial).pointer();
        } catch (NativeException e) {
            if (BAD_FILE.contains(e.kind()) == false) {
                throw e;
            }
            String why = e.getMessage().replace(partial + ": ", "");
            String message = "the content in " + INDEX + " cannot be used: " + why + PUSH_AGAIN;
            throw new FetchFailed(e.kind(), message);
        }
    }
}

package org.threatsieve.core.matcher;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * A matcher without native code. Its blacklist files are texts, {@code NAME GENERATION ENTRIES};
 * any other file is damaged. Look-ups are recorded, and answered as the test says.
 */
public final class FakeMatcher implements Matcher {
    public static final long MEMORY_LIMIT = 100_000_000;

    /** The answer to every look-up. */
    public Supplier<Map<String, Object>> answer = () -> null;
    public String failure;
    /** The failure of every load, if there is one. */
    public NativeException loadFailure;
    public Lookup lookup;
    /** The observables of each look-up: {@code DOCUMENT/FIELD/KIND/VALUE}. */
    public final List<List<String>> observables = new ArrayList<>();
    /** The contexts of each look-up: {@code TIME/PORT}. */
    public final List<List<String>> contexts = new ArrayList<>();
    /** The lines of each look-up. */
    public final List<List<String>> lines = new ArrayList<>();
    /** The loaded generations, by blacklist. */
    public final Map<String, Long> loaded = new TreeMap<>();
    public int loads;

    private final Unchecked unchecked = new Unchecked(() -> 0);

    @Override
    public String failure() {
        return failure;
    }

    @Override
    public Unchecked unchecked() {
        return unchecked;
    }

    /** The text of a blacklist file. */
    public static String file(String name, long generation, long entries) {
        return name + " " + generation + " " + entries;
    }

    /** The digest that {@link #inspect} gives for a file's text. */
    public static String digest(String text) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(sha256.digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Map<String, Object> inspect(Path file) {
        String text = text(file);
        String[] words = text.split(" ");
        if (words.length != 3) {
            throw new NativeException("damaged", file + ": it is no blacklist");
        }
        return Map.of(
            "name",
            words[0],
            "generation",
            Long.parseLong(words[1]),
            "entries",
            Long.parseLong(words[2]),
            "digest",
            digest(text),
            "signed",
            false,
            "bytes",
            (long) text.length(),
            "needs_bytes",
            (long) text.length() + 1
        );
    }

    @Override
    public void load(String blacklist, Path file) {
        loads++;
        if (loadFailure != null) {
            throw loadFailure;
        }
        loaded.put(blacklist, (Long) inspect(file).get("generation"));
    }

    @Override
    public boolean unload(String blacklist) {
        return loaded.remove(blacklist) != null;
    }

    @Override
    public Map<String, Object> status() {
        Map<String, Object> blacklists = new TreeMap<>();
        loaded.keySet().forEach(name -> blacklists.put(name, Map.of("hits", 3L)));
        return Map.of("memory_limit_bytes", MEMORY_LIMIT, "blacklists", blacklists);
    }

    @Override
    public Lookup lookup(String blacklist, Map<String, Object> options) {
        lookup = new Lookup(blacklist, options.toString().getBytes(StandardCharsets.UTF_8));
        return lookup;
    }

    @Override
    public Map<String, Object> check(Lookup lookup, Observables given) {
        List<String> found = new ArrayList<>();
        ByteBuffer batch = buffer(given.batch());
        for (int i = 0; i < given.count(); i++) {
            int header = batch.getInt();
            int place = given.places()[i];
            String value = text(batch, header & 0xffffff);
            found.add((place >> 8) + "/" + (place & 0xff) + "/" + (header >>> 24) + "/" + value);
        }
        List<String> times = new ArrayList<>();
        ByteBuffer context = buffer(given.contexts());
        for (int i = 0; i < given.documents(); i++) {
            String time = text(context, context.get() & 0xff);
            times.add(time + "/" + (context.getShort() & 0xffff));
        }
        if (batch.hasRemaining() || context.hasRemaining()) {
            throw new AssertionError("bytes are left over");
        }
        observables.add(found);
        contexts.add(times);
        return answer.get();
    }

    @Override
    public Map<String, Object> checkLines(Lookup lookup, Lines given) {
        List<String> found = new ArrayList<>();
        ByteBuffer bytes = buffer(given.lines());
        for (int i = 0; i < given.documents(); i++) {
            found.add(text(bytes, bytes.getInt()));
        }
        if (bytes.hasRemaining()) {
            throw new AssertionError("bytes are left over");
        }
        lines.add(found);
        return answer.get();
    }

    @Override
    public Served served(String blacklist) {
        Long generation = loaded.get(blacklist);
        if (generation == null) {
            throw new NativeException(NativeException.NO_BLACKLIST, "not loaded");
        }
        return new Served(generation, "0".repeat(64));
    }

    @Override
    public TermHits checkTerms(Lookup lookup, TermBatch terms) {
        throw new UnsupportedOperationException();
    }

    private static ByteBuffer buffer(OutBuffer buffer) {
        return ByteBuffer.wrap(buffer.bytes(), 0, buffer.length()).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static String text(ByteBuffer bytes, int length) {
        byte[] text = new byte[length];
        bytes.get(text);
        return new String(text, StandardCharsets.UTF_8);
    }
}

package org.threatsieve.opensearch.query;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

import org.threatsieve.core.matcher.Lines;
import org.threatsieve.core.matcher.Lookup;
import org.threatsieve.core.matcher.Matcher;
import org.threatsieve.core.matcher.NativeException;
import org.threatsieve.core.matcher.Observables;
import org.threatsieve.core.matcher.Served;
import org.threatsieve.core.matcher.TermBatch;
import org.threatsieve.core.matcher.TermHits;
import org.threatsieve.core.matcher.Unchecked;

/** A matcher for terms, without native code. It hits on terms as the test says. */
final class TermMatcher implements Matcher {
    /** For a term, the conditions {@code from, until, port...}; {@code null} for no hit. */
    Function<String, long[]> rule = term -> term.contains("evil") ? new long[0] : null;
    /** The generation that is served; 0 for none. */
    long generation = 1;
    /** Generations that answer the next calls, in place of the one that is served. */
    final List<Long> next = new ArrayList<>();
    /** The number of terms of each call. */
    final List<Integer> calls = new ArrayList<>();

    @Override
    public Served served(String blacklist) {
        if (generation == 0) {
            throw new NativeException(NativeException.NO_BLACKLIST, "not loaded");
        }
        return new TermHits(identity(generation, 0).array()).served();
    }

    private static ByteBuffer identity(long generation, int more) {
        ByteBuffer bytes = ByteBuffer.allocate(40 + more).order(ByteOrder.LITTLE_ENDIAN);
        return bytes.putLong(generation).put(new byte[32]);
    }

    @Override
    public TermHits checkTerms(Lookup lookup, TermBatch terms) {
        calls.add(terms.count());
        long answering = next.isEmpty() ? generation : next.remove(0);
        ByteBuffer bytes = identity(answering, terms.count() * 1000);
        for (int i = 0; i < terms.count(); i++) {
            long[] hit = rule.apply(new String(terms.term(i), StandardCharsets.UTF_8));
            if (hit != null) {
                bytes.putInt(i).putInt(hit.length / 3);
                for (int n = 0; n < hit.length; n += 3) {
                    bytes.putLong(hit[n]).putLong(hit[n + 1]).putInt((int) hit[n + 2]);
                }
            }
        }
        byte[] answer = new byte[bytes.position()];
        bytes.flip().get(answer);
        return new TermHits(answer);
    }

    @Override
    public Lookup lookup(String blacklist, Map<String, Object> options) {
        return new Lookup(blacklist, new byte[0]);
    }

    @Override
    public String failure() {
        return null;
    }

    @Override
    public Unchecked unchecked() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Map<String, Object> inspect(Path file) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void load(String blacklist, Path file) {
        throw new UnsupportedOperationException();
    }

    @Override
    public boolean unload(String blacklist) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Map<String, Object> status() {
        throw new UnsupportedOperationException();
    }

    @Override
    public Map<String, Object> check(Lookup lookup, Observables observables) {
        throw new UnsupportedOperationException();
    }

    @Override
    public Map<String, Object> checkLines(Lookup lookup, Lines lines) {
        throw new UnsupportedOperationException();
    }
}

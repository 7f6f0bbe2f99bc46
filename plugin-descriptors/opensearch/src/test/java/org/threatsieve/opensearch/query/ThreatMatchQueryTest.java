package org.threatsieve.opensearch.query;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field.Store;
import org.apache.lucene.document.InetAddressPoint;
import org.apache.lucene.document.LongPoint;
import org.apache.lucene.document.NumericDocValuesField;
import org.apache.lucene.document.SortedNumericDocValuesField;
import org.apache.lucene.document.SortedSetDocValuesField;
import org.apache.lucene.document.StringField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.FilterDirectoryReader;
import org.apache.lucene.index.FilterLeafReader;
import org.apache.lucene.index.IndexReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.LeafReader;
import org.apache.lucene.index.LeafReaderContext;
import org.apache.lucene.index.NoMergePolicy;
import org.apache.lucene.index.NumericDocValues;
import org.apache.lucene.index.Term;
import org.apache.lucene.index.Terms;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.store.ByteBuffersDirectory;
import org.apache.lucene.store.Directory;
import org.apache.lucene.util.BytesRef;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.opensearch.OpenSearchStatusException;
import org.threatsieve.core.matcher.TermBatch;
import org.threatsieve.core.processor.fields.Kind;
import org.threatsieve.core.processor.options.Option;
import org.threatsieve.core.processor.options.OptionReader;
import org.threatsieve.core.processor.options.QueryOptions;
import org.threatsieve.opensearch.query.EventFields.PortType;
import org.threatsieve.opensearch.query.TermField.Encoding;

/** The query over indices in memory. The events' numbers are doc values. */
class ThreatMatchQueryTest {
    private static final TermField HOST = new TermField("host", Kind.HOST, Encoding.TEXT, true);
    private static final TermField HOST_VALUES = new TermField(
        "host",
        Kind.HOST,
        Encoding.TEXT,
        false
    );
    private static final TermField IP = new TermField("ip", Kind.ADDRESS, Encoding.ADDRESS, true);
    private static final TermField IP_VALUES = new TermField(
        "ip",
        Kind.ADDRESS,
        Encoding.ADDRESS,
        false
    );
    private static final EventFields TIMES = new EventFields("time", false, PortType.NUMBER);

    /** Lucene warns there that a module is not used, and the tests print nothing. */
    private static final Logger LUCENE = Logger.getLogger("org.apache.lucene");

    static {
        LUCENE.setLevel(Level.OFF);
    }

    private final TermMatcher matcher = new TermMatcher();
    private final Directory directory = new ByteBuffersDirectory();
    private QueryService service = service(TimeUnit.MINUTES.toNanos(1), 1 << 20);
    private IndexWriter writer;
    private DirectoryReader reader;
    private int events;
    /** The present, in microseconds. */
    private long now = 1000;

    private QueryService service(long maxNanos, long cacheBytes) {
        return new QueryService(matcher, maxNanos, cacheBytes);
    }

    @BeforeEach
    void open() throws IOException {
        IndexWriterConfig config = new IndexWriterConfig().setMergePolicy(NoMergePolicy.INSTANCE);
        writer = new IndexWriter(directory, config);
    }

    @AfterEach
    void close() throws IOException {
        if (reader != null) {
            reader.close();
        }
        writer.close();
        directory.close();
        assertEquals(0, service.cache.bytes(), "what was found stays after its segments");
    }

    /** Adds an event. A time of -1 is none. */
    private void add(String host, String ip, long millis, int port) throws IOException {
        Document document = new Document();
        document.add(new NumericDocValuesField("number", events++));
        document.add(new StringField("_id", "" + events, Store.NO));
        if (host != null) {
            document.add(new StringField("host", host, Store.NO));
            document.add(new SortedSetDocValuesField("host", new BytesRef(host)));
        }
        if (ip != null) {
            InetAddress address = InetAddress.getByName(ip);
            document.add(new InetAddressPoint("ip", address));
            BytesRef encoded = new BytesRef(InetAddressPoint.encode(address));
            document.add(new SortedSetDocValuesField("ip", encoded));
        }
        if (millis >= 0) {
            document.add(new LongPoint("time", millis));
            document.add(new SortedNumericDocValuesField("time", millis));
        }
        document.add(new SortedNumericDocValuesField(EventFields.PORT, port));
        writer.addDocument(document);
    }

    private void add(String host) throws IOException {
        add(host, null, -1, 0);
    }

    /** Ends a segment and opens the index. */
    private void refresh() throws IOException {
        DirectoryReader before = reader;
        reader = before == null
            ? DirectoryReader.open(writer)
            : DirectoryReader.openIfChanged(before, writer);
        if (before != null) {
            before.close();
        }
    }

    private Query query(boolean parts, TermField... fields) {
        Map<String, Object> given = new HashMap<>(Map.of("fields", List.of("host")));
        given.put("parts", parts);
        QueryOptions options = QueryOptions.read(
            new OptionReader("threat_match", given, Option.QUERY)
        );
        TermSearch search = new TermSearch(options, List.of(fields), TIMES);
        return new ThreatMatchQuery(service, search, service.servedOrNull("default"), now);
    }

    private Set<Integer> found(IndexReader reader, Query query) throws IOException {
        IndexSearcher searcher = new IndexSearcher(reader);
        Set<Integer> found = new TreeSet<>();
        for (ScoreDoc hit : searcher.search(query, 100_000).scoreDocs) {
            for (LeafReaderContext segment : reader.leaves()) {
                int document = hit.doc - segment.docBase;
                if (document >= 0 && document < segment.reader().maxDoc()) {
                    NumericDocValues numbers = segment.reader().getNumericDocValues("number");
                    numbers.advanceExact(document);
                    found.add((int) numbers.longValue());
                }
            }
        }
        return found;
    }

    private Set<Integer> found(TermField... fields) throws IOException {
        return found(reader, query(false, fields));
    }

    @Test
    void manyTermsAreLookedUpInBatches() throws IOException {
        Set<Integer> expected = new HashSet<>();
        // The first and the last term of batches, neighbours, and distant ones.
        for (int i = 0; i < 2 * TermBatch.MAX_TERMS + 10; i++) {
            int inBatch = i % TermBatch.MAX_TERMS;
            boolean evil = inBatch < 3 || inBatch >= TermBatch.MAX_TERMS - 2 || i % 1000 == 7;
            expected.addAll(evil ? Set.of(i) : Set.of());
            String address = "10." + (i >> 16) + "." + (i >> 8 & 255) + "." + (i & 255);
            add(String.format("%06d.%s.example", i, evil ? "evil" : "good"), address, -1, 0);
        }
        refresh();
        for (TermField field : List.of(HOST, HOST_VALUES)) {
            matcher.calls.clear();
            assertEquals(expected, found(field));
            assertEquals(
                List.of(TermBatch.MAX_TERMS, TermBatch.MAX_TERMS, 10),
                matcher.calls
            );
        }
        // Few addresses are searched for, many are found in another way.
        for (int most : new int[] { 3, 255 }) {
            for (TermField field : List.of(IP, IP_VALUES)) {
                matcher.generation++;
                matcher.rule = term -> {
                    String[] parts = term.split("\\.");
                    boolean hit = parts[1].equals("0") && Integer.parseInt(parts[2]) < most;
                    return hit ? new long[0] : null;
                };
                Set<Integer> wanted = new HashSet<>();
                for (int i = 0; i < Math.min(events, most * 256); i++) {
                    wanted.add(i);
                }
                assertEquals(wanted, found(field));
            }
        }
    }

    @Test
    void conditionsAreComparedWithEachEvent() throws IOException {
        // Valid in [5 ms, 8 ms), and later for one port.
        long[] conditions = { 5000, 8000, 0, 20_000, Long.MAX_VALUE, 443 };
        matcher.rule = term -> term.contains("evil") || term.equals("9.9.9.9") ? conditions : null;
        List<Integer> expected = new ArrayList<>();
        for (int shuffle = 0; shuffle < 30; shuffle++) {
            int millis = shuffle * 7 % 30;
            for (int port : new int[] { 80, 443 }) {
                boolean holds = millis >= 5 && millis < 8 || millis >= 20 && port == 443;
                if (holds) {
                    expected.add(events);
                    expected.add(events + 1);
                }
                add("h" + shuffle % 3 + ".evil.example", null, millis, port);
                add(null, "9.9.9.9", millis, port);
                add("good.example", "9.9.9.8", millis, port);
            }
            if (shuffle % 10 == 9) {
                // Times that not every event has can only be read forwards.
                add("good.example");
                refresh();
            }
        }
        // Segments in which all events fulfil them, and none.
        for (int millis : new int[] { 5, 7, 4, 8 }) {
            if (millis == 5 || millis == 7) {
                expected.add(events);
            }
            add("x.evil.example", null, millis, 0);
            refresh();
        }
        Set<Integer> wanted = new TreeSet<>(expected);
        assertEquals(wanted, found(HOST, IP));
        assertEquals(wanted, found(HOST_VALUES, IP_VALUES));
        // Candidates: any port, and a time may lack less than a millisecond.
        conditions[0] = 5500;
        matcher.generation++;
        add("y.evil.example", null, -1, 0);
        refresh();
        Set<Integer> candidates = found(reader, query(true, HOST, IP));
        assertTrue(candidates.containsAll(wanted));
        assertTrue(candidates.contains(events - 1));
    }

    @Test
    void thePresentCountsForEventsWithoutATime() throws IOException {
        matcher.rule = term -> new long[] { 2000, 3000, 0, 5000, 6000, 0 };
        add("evil.example");
        add("evil.example", null, 2, 0);
        refresh();
        for (int round = 0; round < 2; round++) {
            long[] presents = { 1999, 2000, 2999, 3000, 4999, 5000, 6000 };
            for (long present : presents) {
                now = present;
                boolean valid = present / 1000 == 2 || present / 1000 == 5;
                assertEquals(valid ? Set.of(0, 1) : Set.of(1), found(HOST), "at " + present);
            }
        }
        // Presents with the same answer share it.
        matcher.calls.clear();
        now = 6001;
        assertEquals(Set.of(1), found(HOST));
        assertEquals(List.of(), matcher.calls);
    }

    @Test
    void whatWasFoundIsKeptUntilTheBlacklistChanges() throws IOException {
        add("evil.example");
        add("good.example");
        refresh();
        assertEquals(Set.of(0), found(HOST));
        assertEquals(List.of(2), matcher.calls);
        // A search again, and one with a new segment and a deleted document.
        add("a.evil.example");
        writer.deleteDocuments(new Term("host", "evil.example"));
        refresh();
        assertEquals(Set.of(2), found(HOST));
        assertEquals(List.of(2, 1), matcher.calls);
        matcher.generation = 2;
        matcher.rule = term -> term.contains("good") ? new long[0] : null;
        assertEquals(Set.of(1), found(HOST));
        assertEquals(List.of(2, 1, 2, 1), matcher.calls);
        matcher.generation = 1;
        assertEquals(Set.of(2), found(HOST));
        assertEquals(4, matcher.calls.size());
        assertTrue(service.cache.bytes() > 0);
    }

    @Test
    void aSegmentStartsAgainWhenTheBlacklistIsReplaced() throws IOException {
        add("evil.example");
        refresh();
        matcher.next.addAll(List.of(2L, 3L));
        assertEquals(Set.of(0), found(HOST));
        assertEquals(3, matcher.calls.size());
        // It may also be replaced before the first segment.
        Query before = query(false, HOST);
        matcher.generation = 2;
        assertEquals(Set.of(0), found(reader, before));
        assertEquals(4, matcher.calls.size());
        matcher.generation = 3;
        matcher.next.addAll(List.of(1L, 1L, 1L, 1L, 1L));
        OpenSearchStatusException failure = assertThrows(
            OpenSearchStatusException.class,
            () -> found(HOST)
        );
        assertEquals(503, failure.status().getStatus());
        assertTrue(failure.getMessage().contains("(switched)"), failure.getMessage());
    }

    @Test
    void withoutACacheEverySearchWalks() throws IOException {
        service = service(TimeUnit.MINUTES.toNanos(1), 0);
        add("evil.example");
        refresh();
        assertEquals(Set.of(0), found(HOST));
        assertEquals(Set.of(0), found(HOST));
        assertEquals(List.of(1, 1), matcher.calls);
    }

    @Test
    void aWalkThatTakesTooLongEnds() throws IOException {
        service = service(1, 1 << 20);
        add("evil.example");
        refresh();
        OpenSearchStatusException failure = assertThrows(
            OpenSearchStatusException.class,
            () -> found(HOST)
        );
        assertEquals(503, failure.status().getStatus());
        assertTrue(failure.getMessage().contains("[threatsieve.query.max_time], 1nanos"));
        assertEquals(List.of(), matcher.calls);
    }

    /** The engine wraps readers so that they throw when a search is cancelled. */
    private static final class Cancelled extends FilterDirectoryReader {
        Cancelled(DirectoryReader in, int afterCalls) throws IOException {
            super(in, new SubReaderWrapper() {
                private int calls;

                @Override
                public LeafReader wrap(LeafReader reader) {
                    return new FilterLeafReader(reader) {
                        @Override
                        public Terms terms(String field) throws IOException {
                            if (field.equals("_id") && calls++ == afterCalls) {
                                throw new IllegalStateException("the search is cancelled");
                            }
                            return super.terms(field);
                        }

                        @Override
                        public CacheHelper getCoreCacheHelper() {
                            return in.getCoreCacheHelper();
                        }

                        @Override
                        public CacheHelper getReaderCacheHelper() {
                            return in.getReaderCacheHelper();
                        }
                    };
                }
            });
        }

        @Override
        protected DirectoryReader doWrapDirectoryReader(DirectoryReader in) {
            throw new UnsupportedOperationException();
        }

        @Override
        public CacheHelper getReaderCacheHelper() {
            return in.getReaderCacheHelper();
        }
    }

    @Test
    void aCancelledSearchEndsBetweenTwoBatches() throws IOException {
        for (int i = 0; i < 3 * TermBatch.MAX_TERMS; i++) {
            String address = "10." + (i >> 16) + "." + (i >> 8 & 255) + "." + (i & 255);
            add("h" + i + ".good.example", address, -1, 0);
        }
        refresh();
        for (TermField field : List.of(HOST, HOST_VALUES, IP, IP_VALUES)) {
            matcher.calls.clear();
            Cancelled cancelled = new Cancelled(reader, 2);
            assertThrows(
                IllegalStateException.class,
                () -> found(cancelled, query(false, field))
            );
            assertEquals(2, matcher.calls.size(), field.toString());
        }
        assertEquals(0, service.cache.bytes());
        // The pass over documents checks too.
        matcher.generation++;
        matcher.rule = term -> new long[0];
        matcher.calls.clear();
        Cancelled cancelled = new Cancelled(reader, 4);
        assertThrows(
            IllegalStateException.class,
            () -> found(cancelled, query(false, IP_VALUES))
        );
        assertEquals(3, matcher.calls.size());
    }

    @Test
    void searchesAtTheSameTimeWaitForOneWalk() throws Exception {
        for (int i = 0; i < 5000; i++) {
            add("h" + i + (i % 10 == 0 ? ".evil" : ".good") + ".example");
        }
        refresh();
        List<Thread> threads = new ArrayList<>();
        List<Integer> counts = Collections.synchronizedList(new ArrayList<>());
        for (int i = 0; i < 8; i++) {
            threads.add(new Thread(() -> {
                try {
                    counts.add(found(HOST).size());
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        assertEquals(Collections.nCopies(8, 500), counts);
        assertEquals(List.of(5000), matcher.calls);
    }

    @Test
    void withoutTheBlacklistTheSearchFails() throws IOException {
        add("evil.example");
        refresh();
        matcher.generation = 0;
        OpenSearchStatusException failure = assertThrows(
            OpenSearchStatusException.class,
            () -> found(HOST)
        );
        assertEquals(400, failure.status().getStatus());
        assertEquals(
            "[threat_match] there is no blacklist [default]: push it first",
            failure.getMessage()
        );
        service.pushed = () -> Set.of("default");
        failure = assertThrows(OpenSearchStatusException.class, () -> found(HOST));
        assertEquals(503, failure.status().getStatus());
        assertTrue(failure.getMessage().contains("is not loaded on this shard's node"));
    }

    @Test
    void queriesOfAnotherGenerationAreOthers() {
        Query one = query(false, HOST);
        assertEquals(one, query(false, HOST));
        assertEquals(one.hashCode(), query(false, HOST).hashCode());
        assertTrue(one.equals(query(false, IP)) == false);
        assertTrue(one.equals(query(true, HOST)) == false);
        matcher.generation++;
        assertTrue(one.equals(query(false, HOST)) == false);
    }
}

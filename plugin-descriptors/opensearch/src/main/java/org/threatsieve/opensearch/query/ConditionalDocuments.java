package org.threatsieve.opensearch.query;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.lucene.util.DocIdSetBuilder;
import org.threatsieve.core.matcher.Conditions;

/**
 * Documents that match if their event fulfils conditions. They are judged many at a time, in
 * ascending order: events are read forwards.
 */
final class ConditionalDocuments {
    /** Documents that are judged together. */
    private static final int TOGETHER = 64 * 1024;

    private final EventJudge judge;
    private final DocIdSetBuilder matches;

    /** Equal conditions are one object: many indicators have the same validity. */
    private final Map<Conditions, Integer> numbers = new HashMap<>();
    private final List<Conditions> conditions = new ArrayList<>();

    /** For each document, its number in the upper half, and that of its conditions in the lower. */
    private long[] waiting = new long[1024];
    private int count;

    ConditionalDocuments(EventJudge judge, DocIdSetBuilder matches) {
        this.judge = judge;
        this.matches = matches;
    }

    /** Returns the number of conditions. */
    int number(Conditions given) {
        Integer known = numbers.get(given);
        if (known == null) {
            known = conditions.size();
            numbers.put(given, known);
            conditions.add(given);
        }
        return known;
    }

    /** Adds a document with the number of its conditions. */
    void add(int document, int number) throws IOException {
        if (count == waiting.length) {
            if (count == TOGETHER) {
                judge();
            } else {
                waiting = Arrays.copyOf(waiting, count * 2);
            }
        }
        waiting[count++] = (long) document << Integer.SIZE | number;
    }

    /** Judges the documents that wait. */
    void judge() throws IOException {
        if (count == 0) {
            return;
        }
        Arrays.sort(waiting, 0, count);
        EventJudge.Events events = judge.events();
        DocIdSetBuilder.BulkAdder adder = matches.grow(count);
        for (int i = 0; i < count; i++) {
            int document = (int) (waiting[i] >>> Integer.SIZE);
            if (events.fulfil(document, conditions.get((int) waiting[i]))) {
                adder.add(document);
            }
        }
        count = 0;
    }
}

package org.threatsieve.opensearch.blacklists;

import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.opensearch.common.Nullable;
import org.opensearch.index.seqno.SequenceNumbers;
import org.threatsieve.opensearch.blacklists.Manifest.Stamp;

/**
 * What was pushed under one name: one document, so that it is read and exchanged in one step.
 *
 * @param manifests oldest first
 * @param sequenceNumber of the document that was read, {@link SequenceNumbers#UNASSIGNED_SEQ_NO} when there is none
 * @param primaryTerm the same
 */
record History(String name, List<Manifest> manifests, long sequenceNumber, long primaryTerm) {
    /** The oldest are forgotten beyond it. 100 take some 40 KB. */
    private static final int LONGEST = 100;

    static History none(String name) {
        return new History(name, List.of(), SequenceNumbers.UNASSIGNED_SEQ_NO, SequenceNumbers.UNASSIGNED_PRIMARY_TERM);
    }

    boolean isStored() {
        return sequenceNumber != SequenceNumbers.UNASSIGNED_SEQ_NO;
    }

    /** Of what is in the index. */
    private Stream<Manifest> kept() {
        return manifests.stream().filter(Manifest::kept);
    }

    /** The manifest of what is in the index, or {@code null}. */
    Manifest find(@Nullable Pointer pointer) {
        return kept().filter(manifest -> manifest.pointer().equals(pointer)).findFirst().orElse(null);
    }

    /** The one in the index with this number, or {@code null}. */
    Manifest find(long generation) {
        return kept().filter(manifest -> manifest.pointer().generation() == generation).findFirst().orElse(null);
    }

    /** What was served before, or {@code null} when it is not in the index any more. */
    Manifest before(Pointer current) {
        return kept().filter(manifest -> manifest.withdrawn() == null && manifest.pointer().equals(current) == false)
            .max(Comparator.comparing(Manifest::servedAt))
            .orElse(null);
    }

    /** The highest one that was rolled back, or {@code null}. */
    Manifest newestWithdrawn() {
        return manifests.stream()
            .filter(manifest -> manifest.withdrawn() != null && manifest.deleted() == null)
            .max(Comparator.comparingLong(manifest -> manifest.pointer().generation()))
            .orElse(null);
    }

    /** Generations that may be rolled back to. */
    List<Long> generations() {
        return kept().map(manifest -> manifest.pointer().generation()).toList();
    }

    /** The stored contents. */
    Set<String> contents() {
        return new HashSet<>(kept().map(Manifest::content).toList());
    }

    /** The stored contents that are of use while {@code current} is wanted; those of a deletion that did not come to its end are not. */
    Set<String> contents(@Nullable Pointer current) {
        return new HashSet<>(
            kept().filter(manifest -> manifest.deleted() == null || manifest.pointer().equals(current)).map(Manifest::content).toList()
        );
    }

    /** Whether everything that was pushed is deleted. */
    boolean isDeleted() {
        return manifests.stream().allMatch(manifest -> manifest.deleted() != null);
    }

    /** With one more. It replaces the same content, whose push did not come to its end, or whose parts are lost or damaged. */
    History pushed(Manifest added) {
        return with(
            Stream.concat(
                manifests.stream()
                    .filter(manifest -> manifest.pointer().equals(added.pointer()) == false || manifest.deleted() != null)
                    .map(manifest -> manifest.deleted() == null ? manifest : manifest.withoutContent()),
                Stream.of(added)
            ).toList()
        );
    }

    /**
     * Without the contents of older ones, but for the one before and those served last. Higher generations stay in any case: another push may be about to serve
     * one.
     *
     * @param keep how many older contents stay, at least 1
     */
    History trimmed(@Nullable Pointer before, Pointer current, int keep) {
        Comparator<Manifest> order = Comparator.comparing((Manifest manifest) -> manifest.pointer().equals(before))
            .thenComparing(manifest -> manifest.withdrawn() == null)
            .thenComparing(Manifest::servedAt)
            .reversed();
        Set<Manifest> trimmed = kept().filter(manifest -> manifest.pointer().generation() < current.generation())
            .sorted(order)
            .skip(keep)
            .collect(Collectors.toSet());
        return each(manifest -> trimmed.contains(manifest) ? manifest.withoutContent() : manifest);
    }

    /** Without what was written down before it turned out to be refused. */
    History without(Manifest refused) {
        return with(
            manifests.stream()
                .filter(manifest -> manifest.pointer().equals(refused.pointer()) == false || manifest.pushed().equals(refused.pushed()) == false)
                .toList()
        );
    }

    /** Served again. What is left for an older one is withdrawn: it must not come back by itself. */
    History rolledBack(Pointer from, Pointer to, Stamp stamp) {
        return each(manifest -> {
            if (manifest.deleted() != null && manifest.kept() == false) {
                return manifest;
            }
            if (manifest.pointer().equals(from) && from.generation() > to.generation()) {
                return manifest.withdrawn(stamp);
            }
            return manifest.pointer().equals(to) ? manifest.served(stamp.at()) : manifest;
        });
    }

    /** Deleted. The contents stay until nobody wants them any more. */
    History deleted(Stamp stamp) {
        return each(manifest -> manifest.deleted() == null ? manifest.deleted(stamp) : manifest);
    }

    /** Without the contents of what is deleted. */
    History withoutDeleted() {
        return each(manifest -> manifest.deleted() == null ? manifest : manifest.withoutContent());
    }

    /** The manifests of another one, to replace this document. */
    History takenBackTo(History before) {
        return new History(name, before.manifests(), sequenceNumber, primaryTerm);
    }

    private History each(UnaryOperator<Manifest> change) {
        return with(manifests.stream().map(change).toList());
    }

    private History with(List<Manifest> next) {
        List<Manifest> newest = next.subList(Math.max(0, next.size() - LONGEST), next.size());
        return new History(name, List.copyOf(newest), sequenceNumber, primaryTerm);
    }
}

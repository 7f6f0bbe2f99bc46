package org.threatsieve.core.blacklists;

import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.threatsieve.core.Nullable;

/**
 * Everything that was pushed under one name. It is one document, so that one step reads or replaces
 * all of it.
 *
 * @param manifests oldest first
 * @param version the version of the document that was read; {@code null} if there is none
 */
public record History(
    String name,
    List<Manifest> manifests,
    @Nullable DocumentVersion version
) {
    /** The most manifests. Older ones are forgotten. 100 take about 40 KB. */
    private static final int MAX_MANIFESTS = 100;

    /** The history of a name that was never used. */
    public static History none(String name) {
        return new History(name, List.of(), null);
    }

    private Stream<Manifest> kept() {
        return manifests.stream().filter(Manifest::kept);
    }

    /** Returns the manifest of a content that is in the index, or {@code null}. */
    @Nullable
    public Manifest find(@Nullable Pointer pointer) {
        return kept().filter(each -> each.pointer().equals(pointer)).findFirst().orElse(null);
    }

    /** Returns the manifest of a generation that is in the index, or {@code null}. */
    @Nullable
    public Manifest find(long generation) {
        return kept().filter(each -> each.pointer().generation() == generation)
            .findFirst()
            .orElse(null);
    }

    /** Returns the content that was served before this one, or {@code null} if it is removed. */
    @Nullable
    public Manifest before(Pointer current) {
        return kept().filter(each -> each.withdrawn() == null)
            .filter(each -> each.pointer().equals(current) == false)
            .max(Comparator.comparing(Manifest::servedAt))
            .orElse(null);
    }

    /** Returns the highest generation that was rolled back, or {@code null}. */
    @Nullable
    public Manifest newestWithdrawn() {
        return manifests.stream()
            .filter(each -> each.withdrawn() != null && each.deleted() == null)
            .max(Comparator.comparingLong(each -> each.pointer().generation()))
            .orElse(null);
    }

    /** The generations that can be rolled back to. */
    public List<Long> generations() {
        return kept().map(each -> each.pointer().generation()).toList();
    }

    /** The names of the stored contents. */
    public Set<String> contents() {
        return new HashSet<>(kept().map(Manifest::content).toList());
    }

    /**
     * The names of the stored contents that are of use while this content is wanted. Contents of a
     * deletion that was interrupted are of no use.
     */
    public Set<String> contents(@Nullable Pointer current) {
        return kept().filter(each -> each.deleted() == null || each.pointer().equals(current))
            .map(Manifest::content)
            .collect(Collectors.toSet());
    }

    /** Returns whether everything that was pushed is deleted. */
    public boolean isDeleted() {
        return manifests.stream().allMatch(each -> each.deleted() != null);
    }

    /**
     * The history with one more push. It replaces an entry of the same content, whose push was
     * interrupted or whose parts are lost or damaged.
     */
    public History pushed(Manifest added) {
        Stream<Manifest> others = manifests.stream()
            .filter(
                each -> each.deleted() != null || each.pointer().equals(added.pointer()) == false
            )
            .map(each -> each.deleted() == null ? each : each.withoutContent());
        return with(Stream.concat(others, Stream.of(added)).toList());
    }

    /**
     * The history without the contents of most older generations. The content that was served
     * before stays, then those that were served last. Higher generations stay: another push may be
     * about to serve one.
     *
     * @param keep number of older contents that stay, at least 1
     */
    public History trimmed(@Nullable Pointer before, Pointer current, int keep) {
        Comparator<Manifest> byUse = Comparator.comparing(
            (Manifest each) -> each.pointer().equals(before)
        ).thenComparing(each -> each.withdrawn() == null).thenComparing(Manifest::servedAt);
        Set<Manifest> trimmed = kept().filter(
            each -> each.pointer().generation() < current.generation()
        ).sorted(byUse.reversed()).skip(keep).collect(Collectors.toSet());
        return each(manifest -> trimmed.contains(manifest) ? manifest.withoutContent() : manifest);
    }

    /** The history with this push alone, as temporary blacklists have it. */
    public History only(Manifest added) {
        return with(manifests.stream().filter(added::equals).toList());
    }

    /** The history without a push that was refused after it was written down. */
    public History without(Manifest refused) {
        return with(
            manifests.stream()
                .filter(
                    each -> each.pointer().equals(refused.pointer()) == false
                        || each.pushed().equals(refused.pushed()) == false
                )
                .toList()
        );
    }

    /**
     * The history after a rollback. A generation that was left for an older one is withdrawn, so
     * that it cannot come back by itself.
     */
    public History rolledBack(Pointer from, Pointer to, Attribution rollback) {
        return each(manifest -> {
            if (manifest.deleted() != null && manifest.kept() == false) {
                return manifest;
            }
            if (manifest.pointer().equals(from) && from.generation() > to.generation()) {
                return manifest.withdrawn(rollback);
            }
            return manifest.pointer().equals(to) ? manifest.servedAgain(rollback.at()) : manifest;
        });
    }

    /** The history after a deletion. The contents stay until no node wants them. */
    public History deleted(Attribution deletion) {
        return each(each -> each.deleted() == null ? each.deleted(deletion) : each);
    }

    /** The history without the contents of what is deleted. */
    public History withoutDeleted() {
        return each(each -> each.deleted() == null ? each : each.withoutContent());
    }

    /** The manifests of an earlier state, to replace the document that holds this state. */
    public History restoredTo(History before) {
        return new History(name, before.manifests(), version);
    }

    private History each(UnaryOperator<Manifest> change) {
        return with(manifests.stream().map(change).toList());
    }

    private History with(List<Manifest> next) {
        int from = Math.max(0, next.size() - MAX_MANIFESTS);
        return new History(name, List.copyOf(next.subList(from, next.size())), version);
    }
}

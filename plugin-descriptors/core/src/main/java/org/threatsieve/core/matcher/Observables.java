package org.threatsieve.core.matcher;

/**
 * A batch of observables, in the form that {@link Native#check} describes.
 *
 * @param batch the observables
 * @param count number of observables
 * @param places the document and the field of each observable
 * @param contexts the time and the port of each document
 * @param documents number of documents
 */
public record Observables(
    OutBuffer batch,
    int count,
    int[] places,
    OutBuffer contexts,
    int documents
) {}

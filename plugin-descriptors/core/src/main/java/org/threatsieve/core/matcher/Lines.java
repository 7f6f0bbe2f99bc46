package org.threatsieve.core.matcher;

/**
 * A batch of raw log lines, in the form that {@link Native#checkLines} describes.
 *
 * @param lines one line for each document
 * @param documents number of documents
 */
public record Lines(OutBuffer lines, int documents) {}

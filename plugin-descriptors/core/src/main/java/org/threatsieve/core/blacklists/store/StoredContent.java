package org.threatsieve.core.blacklists.store;

/**
 * A content that has documents in the index.
 *
 * @param name the blacklist's name
 * @param content the content's name
 */
public record StoredContent(String name, String content) {}

package org.threatsieve.core.blacklists.store;

import java.util.Map;

import org.threatsieve.core.blacklists.DocumentVersion;

/** A document of the index. */
public record Document(Map<String, Object> source, DocumentVersion version) {}

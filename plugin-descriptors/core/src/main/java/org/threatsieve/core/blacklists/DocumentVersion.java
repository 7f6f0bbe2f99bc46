package org.threatsieve.core.blacklists;

/** The version of a stored document. A write that names it fails if the document has changed. */
public record DocumentVersion(long sequenceNumber, long primaryTerm) {}

package org.threatsieve.core.processor.fields;

import java.util.Map;

/**
 * One event on its way through an ingest pipeline.
 *
 * @param fields the event's fields; changes reach the index
 * @param ingestMetadata the pipeline's own data about the event; not indexed
 */
public record Event(Map<String, Object> fields, Map<String, Object> ingestMetadata) {}

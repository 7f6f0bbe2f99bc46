package org.threatsieve.opensearch;

/**
 * The native library's functions (host/jni): the one contract between Java and Rust. Only {@link Matcher} calls them.
 *
 * <p>Texts are UTF-8, numbers in buffers little-endian. Errors are {@link NativeException}s. All functions may be called from any thread at any time.
 */
final class Native {
    /** The number of the contract below. A library with another number is refused. */
    static final int CONTRACT = 1;

    private Native() {}

    /** The library's own number of this contract. */
    static native int contract();

    /**
     * Sets a matcher up.
     *
     * @param optionsJson {@code {"deadline_ms":n,"memory_limit_bytes":n,"instance_memory_bytes":n,"instances":n,"trusted_key_pem":string|null}}
     * @return a handle, never 0
     */
    static native long open(byte[] optionsJson);

    /** Gives a matcher and its blacklists back. */
    static native void close(long handle);

    /**
     * Verifies a built file without loading it.
     *
     * @return JSON {@code {"name","generation","digest" (hexadecimal, of 32 bytes),"signed":bool,"bytes","entries":n (blocked),"by_type":{...},
     *     "needs_bytes":n (memory that it takes, while it is loaded too)}}
     */
    static native byte[] inspect(long handle, String path);

    /**
     * Copies this file into memory, verifies it, and has the blacklist of that name serve it; the file's own name must be the same. Blocks while the
     * file is read and verified. Refused beforehand (kind {@code budget}) when it does not fit {@code memory_limit_bytes} together with all that is
     * loaded. The library keeps its copy: the file may be changed or deleted afterwards. Idempotent. Older generations are taken.
     */
    static native void load(long handle, String name, String path);

    /** Drops a blacklist once its last call ends. Tells whether there was one. */
    static native boolean unload(long handle, String name);

    /**
     * What is loaded.
     *
     * @return JSON {@code {"library":"0.1.0","normaliser":n,"format":n,"memory_limit_bytes":n,"memory_bytes":n,"blacklists":{NAME:{"generation",
     *     "digest","signed","entries","bytes","memory_bytes","documents","observables","hits","suppressed","traps","deadlines","memory_refusals",
     *     "other_errors","batches","nanoseconds","instances"}}}}
     */
    static native byte[] status(long handle);

    /**
     * Looks the observables of several documents up in one crossing. A batch that fails is tried again in halves, so that a poisonous document
     * alone is unchecked; at most 16 calls may fail, what is left then is unchecked too.
     *
     * @param options the processor's, JSON: {@code {"fields":["url.original",...],"min_confidence":0-100,"max_tlp":null|"GREEN"...,
     *     "max_matches":n,"partial":bool,"stamp":"matched"|"all"|"none"}}
     * @param batch per observable a {@code u32} (kind in the top 8 bits, length in the rest), then its bytes (wit/matcher.wit)
     * @param length bytes used of {@code batch}, at most 8,388,608
     * @param observables how many, at most 65,536
     * @param places per observable {@code document << 8 | field}, documents ascending
     * @param contexts per document a {@code u8} length, that many bytes of its {@code @timestamp} (0: none), and a
     *     little-endian {@code u16} with its {@code destination.port} (0: none)
     * @param contextsLength bytes used of {@code contexts}
     * @param documents how many
     * @return {@code null} when nothing is to be written into any document, which is usual, and never the case with {@code "stamp":"all"}. Else
     *     JSON {@code {"generation":n,"documents":[{"document":i,"enrichments":[{ECS}...],"confidence":[n|null...],"withheld":n,"omitted":n}
     *     |{"document":i,"unchecked":"deadline"|"trap"|"memory"...,"detail":"..."}]}}
     */
    static native byte[] check(
        long handle,
        String blacklist,
        byte[] options,
        byte[] batch,
        int length,
        int observables,
        int[] places,
        byte[] contexts,
        int contextsLength,
        int documents
    );

    /**
     * The same for raw log lines. Observables and times are found by the {@code log} crate. A malformed line
     * is searched as free text, and its document has {@code "unchecked":"malformed"} too. {@code matched.field} is {@code fields[0]}, the message field.
     *
     * @param options as above, with {@code "message_format":"squid"|"combined"|"text"|"auto"}
     * @param lines per document a {@code u32} length, then its bytes
     * @param length bytes used of {@code lines}
     * @param documents how many
     */
    static native byte[] checkLines(long handle, String blacklist, byte[] options, byte[] lines, int length, int documents);
}

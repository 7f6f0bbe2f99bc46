package org.threatsieve.core.matcher;

/**
 * The functions of the native library (host/jni): the contract between Java and Rust. Only
 * {@link Library} and {@link NativeMatcher} call them.
 *
 * <p>Texts are UTF-8. Numbers in buffers are little-endian. Failures are {@link NativeException}s.
 * Every function may be called from any thread at any time.
 */
final class Native {
    /** The number of this contract. A library with another number is not used. */
    static final int CONTRACT = 3;

    private Native() {}

    /** The contract that the library was built for. */
    static native int contract();

    /**
     * Sets up a matcher without blacklists.
     *
     * @param optionsJson {@code {"deadline_ms":n,"memory_limit_bytes":n,"instance_memory_bytes":n,
     *     "instances":n,"trusted_key_pem":string|null}}
     * @return a handle, never 0
     */
    static native long open(byte[] optionsJson);

    /** Frees a matcher and its blacklists. */
    static native void close(long handle);

    /**
     * Verifies a blacklist's file without loading it.
     *
     * @return JSON {@code {"name","generation","digest" (64 hexadecimal digits),"signed":bool,
     *     "bytes","entries":n (without the allow-list),"by_type":{...},"needs_bytes":n (memory that
     *     loading takes)}}
     */
    static native byte[] inspect(long handle, String path);

    /**
     * Loads a blacklist's file and serves it under this name, which must be the name in the file.
     * Blocks while the file is copied into memory and verified.
     *
     * <p>Fails beforehand (kind {@code budget}) if the file does not fit {@code memory_limit_bytes}
     * together with what is loaded. The library keeps a copy: the file may change or go away
     * afterwards. Loading the same file twice is allowed, and so is an older generation.
     */
    static native void load(long handle, String name, String path);

    /** Drops a blacklist when its last call ends. Returns whether it was loaded. */
    static native boolean unload(long handle, String name);

    /**
     * Describes what is loaded.
     *
     * @return JSON {@code {"library":"0.1.0","normaliser":n,"format":n,"memory_limit_bytes":n,
     *     "memory_bytes":n,"blacklists":{NAME:{"generation","digest","signed","entries","bytes",
     *     "memory_bytes","documents","observables","hits","suppressed","traps","deadlines",
     *     "memory_refusals","other_errors","batches","nanoseconds","instances"}}}}
     */
    static native byte[] status(long handle);

    /**
     * Looks up the observables of several documents. If the batch fails, its halves are tried, and
     * so on, so that only the document at fault goes unchecked. After 16 failed calls the rest goes
     * unchecked.
     *
     * @param options the processor's options, JSON: {@code {"fields":["url.original",...],
     *     "min_confidence":0-100,"max_tlp":null|"GREEN"...,"max_matches":n,"partial":bool,
     *     "stamp":"matched"|"all"|"none"}}. Compared with those of the calls before, and parsed
     *     only if they are new (docs/decisions/0008)
     * @param batch for each observable a {@code u32} (kind in the top 8 bits, length in the rest),
     *     then its bytes (wit/matcher.wit)
     * @param length used bytes of {@code batch}, at most 8,388,608
     * @param observables number of observables, at most 65,536
     * @param places for each observable {@code document << 8 | field}; documents ascend
     * @param contexts for each document a {@code u8} length, that many bytes of its {@code
     *     @timestamp} (length 0: no time), and a {@code u16}, its {@code destination.port} (0: no
     *     port)
     * @param contextsLength used bytes of {@code contexts}
     * @param documents number of documents
     * @return {@code null} if nothing is to be written into any document, which is the usual case
     *     and never happens with {@code "stamp":"all"}. Otherwise JSON {@code {"generation":n,
     *     "documents":[{"document":i,"enrichments":[{ECS}...],"confidence":[n|null...],
     *     "withheld":n,"omitted":n}|{"document":i,"unchecked":"deadline"|"trap"|"memory"...,
     *     "detail":"..."}]}}
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
     * Looks up raw log lines, as {@link #check} does with observables. The {@code log} crate finds
     * their observables and times. A malformed line is searched as free text, and its document has
     * {@code "unchecked":"malformed"} too. {@code matched.field} is {@code fields[0]}, the message
     * field.
     *
     * @param options as for {@link #check}, with
     *     {@code "message_format":"squid"|"combined"|"text"|"auto"}
     * @param lines for each document a {@code u32} length, then that many bytes
     * @param length used bytes of {@code lines}, at most 8,388,608
     * @param documents number of documents
     */
    static native byte[] checkLines(
        long handle,
        String blacklist,
        byte[] options,
        byte[] lines,
        int length,
        int documents
    );

    /**
     * The identity of the blacklist that answers the next call.
     *
     * @return a {@code u64}, its generation, then the 32 bytes of its digest
     */
    static native byte[] served(long handle, String blacklist);

    /**
     * Looks up the terms of an index's dictionary. If the batch fails, its halves are tried, and so
     * on. A term that fails alone fails the call, as do 16 failed calls: a query must not miss a
     * term in silence. The failure has the kind {@code switched} if the blacklist was replaced
     * meanwhile.
     *
     * @param options the query's options, JSON: {@code {"min_confidence":0-100,
     *     "max_tlp":null|"GREEN"..., "partial":bool,"parts":bool}}. With {@code parts}, a term also
     *     hits that is only a part of a conjunction
     * @param batch the terms, as the observables of {@link #check}
     * @param length used bytes of {@code batch}, at most 8,388,608
     * @param terms number of terms, at most 65,536
     * @return the identity of the blacklist that answered ({@link #served}). Then, for each term
     *     that hits, in ascending order: a {@code u32}, its number, and a {@code u32}, the number
     *     of conditions of which the event must fulfil one (0: it always counts). Then each
     *     condition: an {@code i64}, the first time in microseconds since 1970 ({@code
     *     Long.MIN_VALUE}: no beginning), an {@code i64}, the time from which on it holds no more
     *     ({@code Long.MAX_VALUE}: no end), and a {@code u32}, the destination port (0: any)
     */
    static native byte[] checkTerms(
        long handle,
        String blacklist,
        byte[] options,
        byte[] batch,
        int length,
        int terms
    );
}

package org.threatsieve.core.blacklists.nodes;

/** Receives a result later, on any thread. One of its methods is called, once. */
public interface Callback<T> {
    void done(T result);

    void failed(Exception failure);
}

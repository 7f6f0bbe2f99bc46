package org.threatsieve.core.blacklists.publish;

/** The cluster's settings for pushes. They may change at any time. */
public interface PublishSettings {
    /** The share of its entries that a blacklist may lose in one push, 0 to 1. */
    double maxShrink();

    /** The number of contents that stay in the index besides the one that is served, 1 to 20. */
    int keptGenerations();
}

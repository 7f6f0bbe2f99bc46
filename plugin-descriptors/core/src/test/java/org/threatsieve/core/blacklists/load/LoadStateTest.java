package org.threatsieve.core.blacklists.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.threatsieve.core.blacklists.Manifests.pointer;

import org.junit.jupiter.api.Test;

class LoadStateTest {
    private final LoadState loading = LoadState.loading(pointer(2), pointer(1));

    @Test
    void aStateIsLoadingUntilItServesOrFails() {
        assertEquals(LoadState.LOADING, loading.state());
        assertFalse(loading.isServing());
        assertEquals(LoadState.SERVING, loading.serving(7).state());
        assertEquals(LoadState.FAILED, loading.failed("io", "no space").state());
        assertTrue(LoadState.loading(pointer(2), pointer(2)).isServing());
    }

    @Test
    void anIndexThatCannotBeReadIsAFailureAtTheThirdAttempt() {
        LoadState state = loading;
        for (int attempt = 1; attempt < 3; attempt++) {
            state = state.failed(LoadState.FETCH, "no shard");
            assertEquals(LoadState.LOADING, state.state());
        }
        assertEquals(LoadState.FAILED, state.failed(LoadState.FETCH, "no shard").state());
    }

    @Test
    void theStatusShowsWhatIsServedMeanwhile() {
        assertEquals(
            "{state=failed, wanted="
                + pointer(2)
                + ", generation=1, digest="
                + pointer(1).digest()
                + ", kind=io, reason=no space, took_ms=0}",
            loading.failed("io", "no space").toJson().toString()
        );
        assertEquals(
            "{state=serving, wanted="
                + pointer(2)
                + ", generation=2, digest="
                + pointer(2).digest()
                + ", kind=null, reason=null, took_ms=7}",
            loading.failed("io", "no space").serving(7).toJson().toString()
        );
        LoadState none = LoadState.loading(pointer(2), null);
        assertTrue(none.toJson().toString().contains("generation=null, digest=null"));
    }
}

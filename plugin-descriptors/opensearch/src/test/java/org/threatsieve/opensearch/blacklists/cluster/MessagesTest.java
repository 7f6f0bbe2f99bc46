package org.threatsieve.opensearch.blacklists.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;

import org.junit.jupiter.api.Test;
import org.opensearch.action.FailedNodeException;
import org.opensearch.common.Priority;
import org.opensearch.common.io.stream.BytesStreamOutput;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.core.common.io.stream.Writeable;
import org.opensearch.transport.ActionNotFoundTransportException;
import org.opensearch.transport.RemoteTransportException;
import org.threatsieve.core.blacklists.Pointer;
import org.threatsieve.core.blacklists.nodes.NodeAnswer;

/** The messages between nodes. */
class MessagesTest {
    private static final Pointer FIRST = new Pointer(1, "a".repeat(64));
    private static final Pointer SECOND = new Pointer(2, "b".repeat(64));

    private static StreamInput sent(Writeable message) throws IOException {
        try (BytesStreamOutput out = new BytesStreamOutput()) {
            message.writeTo(out);
            return out.bytes().streamInput();
        }
    }

    private static SetPointerAction.Request request(Pointer expected, Pointer wanted) {
        return new SetPointerAction.Request("office", expected, wanted);
    }

    @Test
    void aPointersMessagesAreReadBack() throws IOException {
        SetPointerAction.Request request = new SetPointerAction.Request(
            sent(request(null, SECOND))
        );
        assertEquals("office", request.name);
        assertEquals(null, request.expected);
        assertEquals(SECOND, request.wanted);
        SetPointerAction.Response response = new SetPointerAction.Response(
            sent(new SetPointerAction.Response(FIRST))
        );
        assertEquals(FIRST, response.found);
    }

    @Test
    void aMessageOfAnotherVersionIsRefused() {
        Writeable other = out -> out.writeVInt(2);
        IOException failure = assertThrows(
            IOException.class,
            () -> new SetPointerAction.Response(sent(other))
        );
        assertTrue(failure.getMessage().contains("another version of the plugin"));
    }

    @Test
    void aQuestionForTheStatusIsReadBack() throws IOException {
        StatusAction.Request all = new StatusAction.Request(sent(new StatusAction.Request()));
        assertEquals(null, all.retry);
        StatusAction.NodeRequest node = new StatusAction.NodeRequest(
            sent(new StatusAction.NodeRequest("office"))
        );
        assertEquals("office", node.retry());
        assertEquals(
            null,
            new StatusAction.NodeRequest(sent(new StatusAction.NodeRequest((String) null))).retry()
        );
    }

    @Test
    void removingABlacklistDoesNotWaitBehindPushes() {
        assertEquals(Priority.URGENT, TransportSetPointer.priority(request(FIRST, SECOND)));
        assertEquals(Priority.URGENT, TransportSetPointer.priority(request(null, FIRST)));
        assertEquals(Priority.IMMEDIATE, TransportSetPointer.priority(request(SECOND, FIRST)));
        assertEquals(Priority.IMMEDIATE, TransportSetPointer.priority(request(SECOND, null)));
    }

    @Test
    void aNodeWithoutThePluginIsToldFromOneThatFails() {
        Exception absent = new RemoteTransportException(
            "node",
            new ActionNotFoundTransportException("internal:threatsieve/blacklist/status")
        );
        assertEquals(
            NodeAnswer.withoutPlugin(),
            ClusterNodes.answer(new FailedNodeException("id", "failed", absent))
        );
        Exception slow = new RemoteTransportException("node", new IOException("timed out"));
        assertEquals(
            NodeAnswer.failed("timed out"),
            ClusterNodes.answer(new FailedNodeException("id", "failed", slow))
        );
    }
}

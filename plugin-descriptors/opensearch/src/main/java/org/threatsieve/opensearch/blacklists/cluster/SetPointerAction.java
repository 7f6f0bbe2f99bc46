package org.threatsieve.opensearch.blacklists.cluster;

import java.io.IOException;
import java.util.Objects;

import org.opensearch.action.ActionRequestValidationException;
import org.opensearch.action.ActionType;
import org.opensearch.action.support.clustermanager.ClusterManagerNodeRequest;
import org.opensearch.core.action.ActionResponse;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.core.common.io.stream.StreamOutput;
import org.threatsieve.core.Nullable;
import org.threatsieve.core.blacklists.Pointer;

/**
 * Replaces a blacklist's pointer, if it is the expected one. Only the plugin itself asks for it.
 */
public final class SetPointerAction extends ActionType<SetPointerAction.Response> {
    public static final SetPointerAction INSTANCE = new SetPointerAction();

    private SetPointerAction() {
        super("internal:threatsieve/blacklist/pointer", Response::new);
    }

    /** The version of the messages' format, at the start of each. */
    private static final int WIRE = 1;

    private static void requireWire(StreamInput in) throws IOException {
        int wire = in.readVInt();
        if (wire != WIRE) {
            throw new IOException(
                "expected a message of version "
                    + WIRE
                    + " about a blacklist's pointer, got version "
                    + wire
                    + ": the other node has another version of the plugin"
            );
        }
    }

    private static void write(StreamOutput out, @Nullable Pointer pointer) throws IOException {
        out.writeOptionalString(Objects.toString(pointer, null));
    }

    private static Pointer read(StreamInput in) throws IOException {
        String text = in.readOptionalString();
        return text == null ? null : Pointer.parse(text);
    }

    static final class Request extends ClusterManagerNodeRequest<Request> {
        final String name;
        /** {@code null}: no pointer is expected. */
        @Nullable
        final Pointer expected;
        /** {@code null}: the pointer is removed. */
        @Nullable
        final Pointer wanted;

        Request(String name, @Nullable Pointer expected, @Nullable Pointer wanted) {
            this.name = name;
            this.expected = expected;
            this.wanted = wanted;
        }

        Request(StreamInput in) throws IOException {
            super(in);
            requireWire(in);
            name = in.readString();
            expected = read(in);
            wanted = read(in);
        }

        @Override
        public void writeTo(StreamOutput out) throws IOException {
            super.writeTo(out);
            out.writeVInt(WIRE);
            out.writeString(name);
            write(out, expected);
            write(out, wanted);
        }

        @Override
        public ActionRequestValidationException validate() {
            return null;
        }
    }

    static final class Response extends ActionResponse {
        /** The pointer that was there. It is replaced if it is the expected one. */
        @Nullable
        final Pointer found;

        Response(@Nullable Pointer found) {
            this.found = found;
        }

        Response(StreamInput in) throws IOException {
            super(in);
            requireWire(in);
            found = read(in);
        }

        @Override
        public void writeTo(StreamOutput out) throws IOException {
            out.writeVInt(WIRE);
            write(out, found);
        }
    }
}

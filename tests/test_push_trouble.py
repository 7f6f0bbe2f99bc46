"""Pushing blacklists to real nodes under adverse conditions.

Parts change during the commit, content is lost or damaged, an index is read-only, uploads never
end, requests are wrong, or nodes do not answer.
"""

import base64
import concurrent.futures
import itertools
import json
import threading
import urllib.error
import urllib.request

import pytest

from tests import engines, pushing
from tests.engines import Refused
from tests.pushing import ENDPOINT, built, event, header_digest, push, push_in_parts, states
from tests.test_push import (
    BINARY,
    EVIL,
    STORED_PART,
    Upload,
    digest,
    history,
    refused,
    serving,
    stored,
    values,
)

INDEX = "/.threatsieve-blacklists"
NUMBERS = itertools.count()


@pytest.fixture
def name():
    """A name for the test's own blacklist."""
    return f"trouble-{next(NUMBERS)}"


def part_documents(node: engines.Node, name: str) -> list[dict]:
    """Returns the stored parts of a blacklist as search hits, ordered by content and part."""
    node.post(f"{INDEX}/_refresh")
    query = {"bool": {"filter": [{"term": {"name": name}}, {"term": {"kind": "part"}}]}}
    hits = node.post(f"{INDEX}/_search", {"size": 1000, "query": query})["hits"]["hits"]
    return sorted(hits, key=lambda hit: (hit["_source"]["content"], hit["_source"]["part"]))


def stored_bytes(node: engines.Node, name: str) -> bytes:
    """Returns the bytes that a joining node would fetch."""
    hits = part_documents(node, name)
    assert len({hit["_source"]["content"] for hit in hits}) == 1
    return b"".join(base64.b64decode(hit["_source"]["data"]) for hit in hits)


def document(hit: dict) -> str:
    return f"{INDEX}/_doc/{hit['_id'].replace('/', '%2F')}?refresh=true"


def change(node: engines.Node, hit: dict, **fields) -> None:
    """Changes fields of a stored document without the plugin's knowledge."""
    node.put(document(hit), {**hit["_source"], **fields})


# Stored content.


def test_parts_that_change_while_they_are_committed(opensearch_3, tmp_path, name):
    """Sends other parts during the commit. The served content is stored as it was verified."""
    node, file = opensearch_3, built(tmp_path, values(30_000), name, 1).read_bytes()
    wrong = bytes(len(file))
    upload = Upload(node, name, file)
    committed = threading.Event()

    def meddle() -> int:
        sent = 0
        for body in itertools.cycle([wrong, file]):
            try:
                node.put(f"{upload.path}/0", body, **BINARY)
                sent += 1
            except Refused as error:
                assert error.status == 404, error
            if committed.is_set():
                return sent

    upload.send()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        meddlers = [pool.submit(meddle) for _ in range(2)]
        try:
            while True:
                try:
                    assert upload.commit()["acknowledged"]
                    break
                except Refused as error:
                    assert error.body["error"]["kind"] == "damaged", error
        finally:
            committed.set()
        assert all(meddler.result() > 0 for meddler in meddlers)
    assert serving(node, name)["digest"] == header_digest(file)
    served = [each for each in history(node, name) if each["kept"]]
    # A part that arrived late may remain, but it does not belong to the content.
    by_content = itertools.groupby(
        part_documents(node, name), key=lambda hit: hit["_source"]["content"]
    )
    whole = [
        b"".join(base64.b64decode(hit["_source"]["data"]) for hit in hits) for _, hits in by_content
    ]
    assert len(served) == 1 and file in whole


def test_the_same_again_repairs_what_is_lost_or_damaged(opensearch, tmp_path, name):
    node, file = opensearch, built(tmp_path, values(60_000), name, 1)
    content = file.read_bytes()
    push(node, file, name, **BINARY)
    hits = part_documents(node, name)
    assert len(hits) == -(-len(content) // STORED_PART) > 2 and stored_bytes(node, name) == content
    node.delete(document(hits[1]))
    assert push(node, file, name, **BINARY)["acknowledged"] and stored_bytes(node, name) == content
    damaged = base64.b64encode(bytes(STORED_PART)).decode()
    change(node, part_documents(node, name)[0], data=damaged)
    assert stored_bytes(node, name) != content
    assert (
        push_in_parts(node, file, name, **BINARY)["acknowledged"]
        and stored_bytes(node, name) == content
    )
    # Nothing is stored twice. A push without anything to repair changes nothing.
    before = [hit["_id"] for hit in part_documents(node, name)]
    assert push(node, file, name, **BINARY)["acknowledged"]
    assert [hit["_id"] for hit in part_documents(node, name)] == before and len(before) == len(hits)
    assert len(history(node, name)) == 1


def test_nothing_is_gone_back_to_that_cannot_be_served(opensearch, tmp_path, name):
    node = opensearch
    for generation in (1, 2):
        push(node, built(tmp_path, values(10 + generation), name, generation), name, **BINARY)
    before = digest(node, name)
    first = min(part_documents(node, name), key=lambda hit: hit["_source"]["stored_at"])
    content = first["_source"]["data"]
    change(node, first, data=base64.b64encode(bytes(100)).decode())
    refused(lambda: node.post(f"{ENDPOINT}/{name}/_rollback"), "missing", 409)
    assert (
        digest(node, name) == before == serving(node, name)["digest"]
        and "rolled_back_at" not in history(node, name)[0]
    )
    change(node, first, data=content)
    assert node.post(f"{ENDPOINT}/{name}/_rollback")["generation"] == 1


def test_orphans_go_and_nothing_else_does(opensearch, tmp_path, name):
    """Removes only orphaned parts, even if many more names were used before than are served."""
    node, file = opensearch, built(tmp_path, values(60_000), name, 1)
    push(node, file, name, **BINARY)
    lines = []
    for number in range(1200):
        lines += [
            {"index": {"_id": f"blacklist/aaa-{name}-{number}"}},
            {"kind": "blacklist", "name": f"aaa-{name}-{number}", "manifests": []},
        ]
    for orphan in range(3):
        lines += [
            {"index": {"_id": f"orphan-{name}/{orphan}"}},
            {
                "kind": "part",
                "name": name,
                "content": f"orphan-{name}",
                "part": orphan,
                "stored_at": 0,
            },
        ]
    node.post(
        f"{INDEX}/_bulk?refresh=true",
        "".join(f"{json.dumps(line)}\n" for line in lines).encode(),
        content_type="application/x-ndjson",
    )
    live = [
        hit
        for hit in part_documents(node, name)
        if not hit["_source"]["content"].startswith("orphan")
    ]
    for hit in live:
        change(node, hit, stored_at=0)
    # An abandoned upload: its time is over.
    upload = Upload(node, name, file.read_bytes())
    upload.send()
    (declared,) = [
        hit
        for hit in node.post(
            f"{INDEX}/_search",
            {"query": {"ids": {"values": [f"upload/{upload.path.rpartition('/')[2]}"]}}},
        )["hits"]["hits"]
    ]
    change(node, declared, stored_at=0)
    refused(upload.commit, "upload", 404)
    node.delete(Upload(node, f"{name}-other", file.read_bytes()).path)
    assert stored_bytes(node, name) == file.read_bytes()
    # Histories of blacklists that were not served for months are deleted, others are kept.
    forgotten = {"kind": "blacklist", "name": f"old-{name}", "manifests": [], "stored_at": 0}
    node.put(f"{INDEX}/_doc/blacklist%2Fold-{name}?refresh=true", forgotten)
    node.delete(Upload(node, f"{name}-other", file.read_bytes()).path)
    node.post(f"{INDEX}/_refresh")
    found = node.post(
        f"{INDEX}/_search",
        {"query": {"ids": {"values": [f"blacklist/old-{name}", f"blacklist/{name}"]}}},
    )["hits"]["hits"]
    assert [hit["_id"] for hit in found] == [f"blacklist/{name}"]


# An index that refuses writes.


@pytest.mark.alone
def test_what_cannot_be_written_down_is_not_done(opensearch, tmp_path, name):
    node = opensearch
    for generation in (1, 2):
        push(node, built(tmp_path, values(10 + generation), name, generation), name, **BINARY)
    before = history(node, name)
    newer = built(tmp_path, values(20), name, 3)
    calls = [
        lambda: node.delete(f"{ENDPOINT}/{name}"),
        lambda: node.post(f"{ENDPOINT}/{name}/_rollback"),
        lambda: push(node, newer, name, **BINARY),
        lambda: Upload(node, name, newer.read_bytes()),
    ]
    for block in (
        "index.blocks.write",
        "index.blocks.read_only",
        "index.blocks.read_only_allow_delete",
    ):
        node.put(f"{INDEX}/_settings", {block: True})
        try:
            for call in calls:
                with pytest.raises(Refused) as caught:
                    call()
                assert caught.value.body["error"]["kind"] == "blocked" and caught.value.status in (
                    403,
                    429,
                ), caught.value
        finally:
            node.put(f"{INDEX}/_settings", {block: None})
        assert serving(node, name)["generation"] == 2 and history(node, name) == before
    node.post(f"{INDEX}/_close?wait_for_active_shards=1")
    try:
        for call in calls:
            refused(call, "closed", 409)
    finally:
        node.post(f"{INDEX}/_open?wait_for_active_shards=1")
    node.get("/_cluster/health/.threatsieve-blacklists?wait_for_status=yellow&timeout=60s")
    assert serving(node, name)["generation"] == 2 and history(node, name) == before
    assert node.post(f"{ENDPOINT}/{name}/_rollback")["generation"] == 1
    assert node.delete(f"{ENDPOINT}/{name}")["acknowledged"] and stored(node, name) == {
        "blacklist": 1
    }


# Requests without limits.


@pytest.mark.alone
def test_open_uploads_are_limited(opensearch, tmp_path, name):
    node, file = opensearch, built(tmp_path, values(10), name, 1).read_bytes()
    first, second, third = (Upload(node, name, file) for _ in range(3))
    # For the same blacklist and user, the oldest upload is dropped: a restarted client does not
    # continue it.
    refused(lambda: first.send(0), "upload", 404)
    second.send(0)
    opened = [second, third]
    (state,) = node.get(ENDPOINT)["nodes"].values()
    most = state["memory_limit_bytes"]
    try:
        with pytest.raises(Refused) as caught:
            for number in range(30):
                opened.append(Upload(node, f"{name}-{number}", file))
        error = caught.value.body["error"]
        assert (
            caught.value.status == 429
            and error["kind"] == "limit"
            and f"{name} by anonymous" in error["reason"]
        ), error
        # Uploads of other tests may be among them.
        assert error["reason"].startswith("20 uploads with "), error
    finally:
        for upload in opened:
            node.delete(upload.path)
    declared = f"digest={'0' * 64}"
    large = node.post(f"{ENDPOINT}/{name}/_upload?bytes={most // 2 + 1}&{declared}")
    try:
        refused(
            lambda: node.post(f"{ENDPOINT}/{name}-large/_upload?bytes={most // 2 + 1}&{declared}"),
            "limit",
            429,
        )
    finally:
        node.delete(f"{ENDPOINT}/{name}/_upload/{large['upload']}")


def test_a_timeout_is_limited(opensearch, tmp_path, name):
    node, file = opensearch, built(tmp_path, values(10), name, 1)
    for timeout in ("9999999d", "11m", "-1s"):
        refused(
            lambda timeout=timeout: push(node, file, name, f"timeout={timeout}", **BINARY),
            "limit",
            400,
        )
        refused(
            lambda timeout=timeout: node.post(f"{ENDPOINT}/{name}/_rollback?timeout={timeout}"),
            "limit",
            400,
        )
        refused(
            lambda timeout=timeout: node.delete(f"{ENDPOINT}/{name}?timeout={timeout}"),
            "limit",
            400,
        )
    assert push(node, file, name, "timeout=10m", **BINARY)["acknowledged"]


def test_a_rollback_does_not_wait_behind_pushes(tmp_path):
    """Freezes one node, so that pushes wait for it. A rollback of a bad blacklist does not wait."""
    settings = {
        "cluster.publish.timeout": "1s", "cluster.follower_lag.timeout": "300s",
        "cluster.fault_detection.follower_check.timeout": "60s",
    }  # fmt: skip
    with engines.cluster(
        "3.8.0", nodes=1, plugins=[engines.plugin("3.8.0")], settings=settings
    ) as cluster:
        node, still = cluster[0], cluster.add(roles=["ingest"])
        for generation in (1, 2):
            assert push(
                node, built(tmp_path, values(10 + generation), "bad", generation), "bad", **BINARY
            )["acknowledged"]
        files = [built(tmp_path, values(10), f"push-{number}", 1) for number in range(8)]
        still.freeze()
        with concurrent.futures.ThreadPoolExecutor(len(files)) as pool:
            pushes = [
                pool.submit(push, node, file, f"push-{number}", "timeout=5m", **BINARY)
                for number, file in enumerate(files)
            ]
            pushing.wait_for(lambda: len(wanted(node)) == 1 + len(files))
            try:
                answer = node.post(f"{ENDPOINT}/bad/_rollback?timeout=0s")
                waiting = [each for each in pushes if not each.done()]
            finally:
                still.thaw()
            assert wanted(node)["bad"].startswith("1:") and not answer["acknowledged"]
            assert answer["nodes"] and len(waiting) == len(files), [
                each.result() for each in pushes if each.done()
            ]
            for each in pushes:
                assert each.result()["acknowledged"], each.result()
        assert {state["generation"] for state in states(node, "bad").values()} == {1}


def wanted(node: engines.Node) -> dict[str, str]:
    """Returns the pointers in the cluster's settings."""
    settings = node.get("/_cluster/settings?flat_settings=true")["persistent"]
    return {
        key.rpartition(".")[2]: value
        for key, value in settings.items()
        if key.startswith("threatsieve.blacklist.")
    }


@pytest.mark.alone
def test_large_pushes_leave_room_for_bulk_requests(opensearch_3, tmp_path, name):
    """Pushes large files, whole and in parts, on a heap of 512 MB under bulk traffic."""
    node = opensearch_3
    hosts = [EVIL, *(f"{number:060x}.example" for number in range(900_000))]
    files = [built(tmp_path, hosts, name, generation) for generation in (1, 2, 3, 4)]
    assert files[0].stat().st_size > 15 << 20, files[0].stat().st_size
    over, refusals, sent = threading.Event(), [], itertools.count()

    def send() -> None:
        events = [
            {**event(f"{number}.good.example"), "message": "x" * 200} for number in range(200)
        ]
        while not over.is_set():
            try:
                node.bulk(f"{name}-events", events, refresh=False)
                next(sent)
            except Refused as error:
                refusals.append(str(error))

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        senders = [pool.submit(send) for _ in range(2)]
        try:
            for number, file in enumerate(files):
                assert (push, push_in_parts)[number % 2](node, file, name, **BINARY)["acknowledged"]
        finally:
            over.set()
        for sender in senders:
            sender.result()
    assert not refusals, refusals[:3]
    assert next(sent) > 0
    node.delete(f"{ENDPOINT}/{name}")
    node.delete(f"/{name}-events")


# Answers.


def raw(
    node: engines.Node, method: str, path: str, body: bytes | None = None, **headers
) -> tuple[int, str, dict]:
    """Sends a request like a plain client, and returns the answer's status, type and JSON."""
    request = urllib.request.Request(
        node.url + path,
        data=body,
        method=method,
        headers={key.replace("_", "-"): value for key, value in headers.items()},
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.headers["Content-Type"], json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], json.loads(error.read())


@pytest.mark.parametrize("content_type", ["application/cbor", "application/*"])
def test_answers_are_json_whatever_was_sent(opensearch, tmp_path, name, content_type):
    file = built(tmp_path, values(10), name, 1).read_bytes()
    wrong = [
        ("PUT", f"{ENDPOINT}/{name}", b"no blacklist", "damaged"),
        ("PUT", f"{ENDPOINT}/{name}?timeout=soon", file, "parameter"),
        ("PUT", f"{ENDPOINT}/{name}?alow_shrink=true", file, "parameter"),
        ("PUT", f"{ENDPOINT}/{name}?allow_shrink=perhaps", file, "parameter"),
        ("PUT", f"{ENDPOINT}/No", file, "name"),
        ("PUT", f"{ENDPOINT}/{name}/_upload/none/x", file, "parameter"),
        ("PUT", f"{ENDPOINT}/{name}/_upload/none/0", file, "upload"),
        ("POST", f"{ENDPOINT}/{name}/_rollback?generation=last", None, "parameter"),
        ("DELETE", f"{ENDPOINT}/{name}", None, "name"),
    ]
    for method, path, body, kind in wrong:
        headers = {"Content_Type": content_type} if body else {}
        status, answered, answer = raw(opensearch, method, path, body, **headers)
        assert answered.startswith("application/json") and (
            answer["status"],
            answer["error"]["kind"],
        ) == (status, kind), (method, path, answer)
        assert answer["error"]["type"] == "threatsieve_refused" and 400 <= status < 500
    status, answered, answer = raw(
        opensearch, "PUT", f"{ENDPOINT}/{name}", file, Content_Type=content_type
    )
    assert (status, answer["acknowledged"]) == (200, True) and answered.startswith(
        "application/json"
    )


def test_what_is_refused_tells_nothing_of_the_nodes_folders(opensearch, tmp_path, name):
    for body in (b"no blacklist", built(tmp_path, values(10), name, 1).read_bytes()[:-1]):
        reason = refused(
            lambda body=body: opensearch.put(f"{ENDPOINT}/{name}", body, **BINARY), "damaged", 400
        )
        assert ".partial" not in reason and str(opensearch.folder) not in reason, reason

"""Pushing blacklists to real nodes: accepted ones, refused ones that leave the old one in service,
uploads in parts, rollback, history, restarts.
"""

import concurrent.futures
import re
import subprocess
import time

import pytest

from tests import engines, pushing
from tests.engines import Refused
from tests.pushing import ENDPOINT, built, event, header_digest, is_flagged, push, states
from tests.traffic import Traffic

EVIL = "evil.example"
PART = 4 << 20
"""Bytes of an uploaded part."""
STORED_PART = 256 << 10
"""Bytes of a stored part in the index."""
VERSIONS = ["3.8.0", "2.19.4"]
BINARY = {"content_type": "application/cbor"}
"""The content type for bytes: the server accepts no other binary type."""


def values(count: int) -> list[str]:
    """Returns a blacklist's values, including the bad host."""
    return [EVIL, *(f"host-{number}.example" for number in range(count - 1))]


def digest(node: engines.Node, name: str) -> str:
    """Returns the digest of the content that the cluster wants to serve."""
    return node.get(f"{ENDPOINT}/{name}")["blacklists"][name]["digest"]


def serving(node: engines.Node, name: str) -> dict:
    """Returns a single node's report on a blacklist."""
    (state,) = states(node, name).values()
    return state


def history(node: engines.Node, name: str) -> list[dict]:
    """Returns the history of a blacklist, newest first."""
    return node.get(f"{ENDPOINT}/{name}/_history")["history"]


def refused(call, kind: str, status: int) -> str:
    """Makes the call, which must be refused with this kind and status. Returns the reason."""
    with pytest.raises(Refused) as caught:
        call()
    error = caught.value.body["error"]
    assert (error["type"], error["kind"], caught.value.status) == (
        "threatsieve_refused",
        kind,
        status,
    ), error
    return error["reason"]


def stored(node: engines.Node, name: str) -> dict[str, int]:
    """Counts the documents of a blacklist in the index, by kind."""
    node.post("/.threatsieve-blacklists/_refresh")
    search = {
        "size": 0,
        "query": {"term": {"name": name}},
        "aggs": {"kinds": {"terms": {"field": "kind"}}},
    }
    buckets = node.post("/.threatsieve-blacklists/_search", search)["aggregations"]["kinds"][
        "buckets"
    ]
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets}


def copies(node: engines.Node, name: str) -> list[str]:
    """Returns the node's own files of a blacklist, and all unfinished files. A test that calls this
    must be `alone`.
    """
    return sorted(
        path.name
        for path in node.data.rglob("threatsieve/**/*")
        if path.name.startswith(f"{name}.") or path.suffix == ".partial"
    )


@pytest.mark.alone
def test_a_push_is_served_at_once(opensearch, tmp_path):
    pushing.set_pipeline(opensearch, "served", blacklist="served", stamp="all")
    file = built(tmp_path, values(100), "served", 3)
    answer = push(opensearch, file, "served", **BINARY)
    node = next(iter(answer["nodes"].values()))
    assert answer["acknowledged"] and answer["name"] == "served" and answer["generation"] == 3
    assert (node["name"], node["state"], node["generation"], node["reason"]) == (
        opensearch.name,
        "serving",
        3,
        None,
    )
    assert node["took_ms"] > 0
    opensearch.bulk("served", [event(EVIL), event("good.example")], "served")
    flagged, unflagged = opensearch.documents(
        "served", {"exists": {"field": "threatsieve.generation.served"}}
    )
    assert is_flagged(flagged) != is_flagged(unflagged)

    said = opensearch.get(f"{ENDPOINT}/served")
    assert said["blacklists"] == {"served": {"generation": 3, "digest": answer["digest"]}}
    (node,) = said["nodes"].values()
    counters = node["blacklists"]["served"]
    assert (
        node["version"] == "0.1.0"
        and "ingest" in node["roles"]
        and set(node["blacklists"]) == {"served"}
    )
    assert (
        counters["state"],
        counters["generation"],
        counters["entries"],
        counters["documents"],
        counters["hits"],
    ) == ("serving", 3, 100, 2, 2)
    assert "served" in opensearch.get(ENDPOINT)["blacklists"]

    # The index is hidden, there is one copy on disk, and one content in the index.
    assert ".threatsieve-blacklists" not in opensearch.get("/_all/_settings")
    assert copies(opensearch, "served") == [f"served.3.{answer['digest']}.blacklist"]
    assert stored(opensearch, "served") == {"blacklist": 1, "part": 1}


def test_the_same_again(opensearch, tmp_path):
    file = built(tmp_path, values(10), "again", 1)
    first = push(opensearch, file, "again", **BINARY)
    second = push(opensearch, file, "again", **BINARY)
    assert second["acknowledged"] and second["digest"] == first["digest"]
    assert len(history(opensearch, "again")) == 1
    assert stored(opensearch, "again") == {"blacklist": 1, "part": 1}


def test_older_ones_are_refused(opensearch, tmp_path):
    push(opensearch, built(tmp_path, values(10), "older", 5), "older", **BINARY)
    before = digest(opensearch, "older")
    for generation, count in [(4, 10), (5, 11)]:
        file = built(tmp_path, values(count), "older", generation)
        assert "5:" in refused(lambda: push(opensearch, file, "older", **BINARY), "older", 409)
    assert digest(opensearch, "older") == before == serving(opensearch, "older")["digest"]
    assert stored(opensearch, "older") == {"blacklist": 1, "part": 1}


@pytest.mark.alone
def test_a_suspiciously_small_one_is_refused(opensearch, tmp_path):
    push(opensearch, built(tmp_path, values(100), "small", 1), "small", **BINARY)
    tiny = built(tmp_path, values(49), "small", 2)
    assert "allow_shrink" in refused(
        lambda: push(opensearch, tiny, "small", **BINARY), "shrunk", 409
    )
    opensearch.put("/_cluster/settings", {"persistent": {"threatsieve.max_shrink": 0.4}})
    try:
        file = built(tmp_path, values(59), "small", 2)
        refused(lambda: push(opensearch, file, "small", **BINARY), "shrunk", 409)
    finally:
        opensearch.put("/_cluster/settings", {"persistent": {"threatsieve.max_shrink": None}})
    assert serving(opensearch, "small")["generation"] == 1
    assert push(opensearch, built(tmp_path, values(50), "small", 2), "small", **BINARY)[
        "acknowledged"
    ]
    nothing = built(tmp_path, [], "small", 3, "--may-be-empty")
    refused(lambda: push(opensearch, nothing, "small", **BINARY), "empty", 409)
    assert push(opensearch, nothing, "small", "allow_shrink=true", **BINARY)["acknowledged"]


@pytest.mark.alone
def test_damaged_ones_are_refused(opensearch, tmp_path):
    good = built(tmp_path, values(100), "damaged", 1)
    push(opensearch, good, "damaged", **BINARY)
    whole = built(tmp_path, values(100), "damaged", 2).read_bytes()
    altered = bytearray(whole)
    altered[len(altered) // 2] ^= 1
    bodies = {
        "cut": whole[:-1],
        "half": whole[: len(whole) // 2],
        "altered": bytes(altered),
        "longer": whole + b"x",
        "foreign": b"x" * 1000,
    }
    for body in bodies.values():
        refused(lambda: opensearch.put(f"{ENDPOINT}/damaged", body, **BINARY), "damaged", 400)
    refused(lambda: opensearch.put(f"{ENDPOINT}/damaged"), "empty", 400)
    query = f"?digest={'0' * 64}"
    refused(lambda: opensearch.put(f"{ENDPOINT}/damaged{query}", whole, **BINARY), "damaged", 400)
    assert serving(opensearch, "damaged")["generation"] == 1
    assert copies(opensearch, "damaged") == [f"damaged.1.{digest(opensearch, 'damaged')}.blacklist"]


def test_a_name_is_part_of_the_file(opensearch, tmp_path):
    file = built(tmp_path, values(10), "one-name", 1)
    refused(lambda: push(opensearch, file, "another-name", **BINARY), "name", 400)
    refused(lambda: push(opensearch, file, "No%20Name", **BINARY), "name", 400)
    refused(lambda: opensearch.get(f"{ENDPOINT}/another-name/_history"), "name", 404)
    refused(lambda: opensearch.post(f"{ENDPOINT}/another-name/_rollback"), "name", 404)
    refused(lambda: opensearch.delete(f"{ENDPOINT}/another-name"), "name", 404)


def test_several_side_by_side(opensearch, tmp_path):
    for name, host in [("left", "left.example"), ("right", "right.example")]:
        pushing.set_pipeline(opensearch, name, blacklist=name)
        push(opensearch, built(tmp_path, [host], name, 1), name, **BINARY)
        opensearch.bulk(f"side-{name}", [event("left.example"), event("right.example")], name)
        assert [
            document["url"]["domain"]
            for document in opensearch.documents(f"side-{name}")
            if is_flagged(document)
        ] == [host]


def test_concurrent_pushes_end_with_the_newest(opensearch, tmp_path):
    files = {
        generation: built(tmp_path, values(100), "race", generation) for generation in range(1, 13)
    }

    def one(generation: int) -> str:
        try:
            push(opensearch, files[generation], "race", **BINARY)
        except Refused as error:
            return error.body["error"]["kind"]
        return "taken"

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        outcomes = dict(zip(files, pool.map(one, files), strict=True))
    assert set(outcomes.values()) <= {"taken", "older"} and outcomes[12] == "taken", outcomes
    assert serving(opensearch, "race")["generation"] == 12
    # Nothing of the overtaken pushes remains.
    taken = [generation for generation, outcome in outcomes.items() if outcome == "taken"]
    assert sorted(each["generation"] for each in history(opensearch, "race")) == taken
    assert stored(opensearch, "race") == {"blacklist": 1, "part": min(len(taken), 2)}


# Uploads in parts.


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A blacklist of several parts."""
    file = built(tmp_path_factory.mktemp("large"), values(600_000), "parts", 1)
    assert file.stat().st_size > 2 * PART, file.stat().st_size
    return file


class Upload:
    """An upload of a file to a node in parts."""

    def __init__(self, node: engines.Node, name: str, file: bytes, digest: str | None = None):
        self.node, self.file = node, file
        query = f"bytes={len(file)}&digest={digest or header_digest(file)}"
        begun = node.post(f"{ENDPOINT}/{name}/_upload?{query}")
        self.parts = begun["parts"]
        assert begun["part_bytes"] == PART and self.parts == -(-len(file) // PART), begun
        self.path = f"{ENDPOINT}/{name}/_upload/{begun['upload']}"

    def send(self, *numbers: int) -> None:
        """Sends these parts, or all if none is given."""
        for number in numbers or range(self.parts):
            self.node.put(
                f"{self.path}/{number}", self.file[number * PART : (number + 1) * PART], **BINARY
            )

    def commit(self, query: str = "") -> dict:
        """Commits the upload. The answer is that of a push."""
        return self.node.post(f"{self.path}/_commit{query}")


def test_an_upload_in_any_order(opensearch, large):
    file = large.read_bytes()
    upload = Upload(opensearch, "parts", file)
    upload.send(*reversed(range(upload.parts)))
    upload.send(0)  # Again, as after a lost answer.
    answer = upload.commit()
    assert (
        answer["acknowledged"]
        and answer["digest"] == header_digest(file) == serving(opensearch, "parts")["digest"]
    )
    assert serving(opensearch, "parts")["entries"] == 600_000
    assert stored(opensearch, "parts") == {"blacklist": 1, "part": -(-len(file) // STORED_PART)}
    # The upload is over: nobody can change the content that is served.
    refused(lambda: upload.send(0), "upload", 404)
    refused(upload.commit, "upload", 404)
    refused(lambda: opensearch.delete(upload.path), "upload", 404)


def test_an_upload_that_is_not_right(opensearch, large, tmp_path):
    file = built(tmp_path, values(600_001), "upload", 1).read_bytes()
    upload = Upload(opensearch, "upload", file)
    assert "part 0" in refused(upload.commit, "incomplete", 409)
    upload.send(0, *range(2, upload.parts))
    assert "part 1" in refused(upload.commit, "incomplete", 409)
    for number in (-1, upload.parts):
        refused(
            lambda number=number: opensearch.put(f"{upload.path}/{number}", b"x", **BINARY),
            "limit",
            400,
        )
    for wrong in (file[:PART], file[PART : 2 * PART - 1], b""):
        number = upload.parts - 1 if wrong == file[:PART] else 1
        refused(
            lambda number=number, wrong=wrong: opensearch.put(
                f"{upload.path}/{number}", wrong, **BINARY
            ),
            "limit",
            400,
        )
    opensearch.put(f"{upload.path}/1", file[:PART], **BINARY)
    refused(upload.commit, "damaged", 400)
    # After one part is sent again, the upload is accepted.
    upload.send(1)
    assert upload.commit()["acknowledged"]


def test_an_upload_of_another_file(opensearch, tmp_path):
    file = built(tmp_path, values(10), "another", 1).read_bytes()
    upload = Upload(opensearch, "another", file, digest="0" * 64)
    upload.send()
    refused(upload.commit, "damaged", 400)
    for query in (
        "bytes=0&digest=" + "0" * 64,
        "bytes=-5&digest=" + "0" * 64,
        "digest=" + "0" * 64,
    ):
        refused(
            lambda query=query: opensearch.post(f"{ENDPOINT}/another/_upload?{query}"), "limit", 400
        )
    refused(
        lambda: opensearch.post(f"{ENDPOINT}/another/_upload?bytes=10&digest=abc"), "digest", 400
    )
    refused(
        lambda: opensearch.post(f"{ENDPOINT}/another/_upload?bytes={1 << 50}&digest={'0' * 64}"),
        "budget",
        400,
    )
    assert "another" not in opensearch.get(ENDPOINT)["blacklists"]


def test_an_upload_that_is_given_up(opensearch, tmp_path):
    file = built(tmp_path, values(10), "given-up", 1).read_bytes()
    upload = Upload(opensearch, "given-up", file)
    upload.send()
    opensearch.delete(upload.path)
    refused(upload.commit, "upload", 404)
    assert stored(opensearch, "given-up") == {}


def test_a_refused_upload_may_be_allowed(opensearch, tmp_path):
    push(opensearch, built(tmp_path, values(100), "allowed", 1), "allowed", **BINARY)
    upload = Upload(opensearch, "allowed", built(tmp_path, values(10), "allowed", 2).read_bytes())
    upload.send()
    refused(upload.commit, "shrunk", 409)
    assert upload.commit("?allow_shrink=true")["acknowledged"]


# Rollback and deletion.


def test_rollback_and_history(opensearch, tmp_path):
    files = {
        generation: built(tmp_path, values(9 + generation), "back", generation)
        for generation in range(1, 6)
    }
    for generation in (1, 2, 3):
        push(opensearch, files[generation], "back", **BINARY)
    refused(lambda: opensearch.post(f"{ENDPOINT}/back/_rollback?generation=1"), "generation", 409)
    answer = opensearch.post(f"{ENDPOINT}/back/_rollback")
    assert answer["acknowledged"] and answer["generation"] == 2
    assert serving(opensearch, "back")["entries"] == 11
    # No generation comes before it. A generation that was rolled back does not return by itself.
    refused(lambda: opensearch.post(f"{ENDPOINT}/back/_rollback"), "generation", 409)
    refused(lambda: push(opensearch, files[3], "back", **BINARY), "older", 409)
    assert opensearch.post(f"{ENDPOINT}/back/_rollback?generation=3")["generation"] == 3
    assert opensearch.post(f"{ENDPOINT}/back/_rollback")["generation"] == 2
    assert push(opensearch, files[4], "back", **BINARY)["acknowledged"]

    said = history(opensearch, "back")
    assert [
        (each["generation"], each["entries"], each["kept"], each["current"]) for each in said
    ] == [
        (4, 13, True, True),
        (3, 12, False, False),
        (2, 11, True, False),
        (1, 10, False, False),
    ]
    assert [("rolled_back_at" in each, "rolled_back_by" in each) for each in said] == [
        (False, False),
        (True, True),
        (False, False),
        (False, False),
    ]
    for each in said:
        assert each["pushed_by"] == "anonymous" and re.fullmatch(
            r"2\d{3}-\d\d-\d\dT[\d:.]+Z", each["pushed_at"]
        ), each
        assert each["signed"] is False and each["bytes"] > 0 and len(each["digest"]) == 64
    # A rollback returns to the generation before the bad one.
    assert opensearch.post(f"{ENDPOINT}/back/_rollback")["generation"] == 2
    assert stored(opensearch, "back") == {"blacklist": 1, "part": 2}


@pytest.mark.alone
def test_more_generations_are_kept_on_request(opensearch, tmp_path):
    opensearch.put("/_cluster/settings", {"persistent": {"threatsieve.kept_generations": 3}})
    try:
        for generation in range(1, 7):
            push(opensearch, built(tmp_path, values(10), "kept", generation), "kept", **BINARY)
    finally:
        opensearch.put("/_cluster/settings", {"persistent": {"threatsieve.kept_generations": None}})
    assert [each["generation"] for each in history(opensearch, "kept") if each["kept"]] == [
        6,
        5,
        4,
        3,
    ]
    assert opensearch.post(f"{ENDPOINT}/kept/_rollback?generation=3")["acknowledged"]


@pytest.mark.alone
def test_delete(opensearch, tmp_path):
    file = built(tmp_path, values(10), "gone", 7)
    push(opensearch, file, "gone", **BINARY)
    answer = opensearch.delete(f"{ENDPOINT}/gone")
    (node,) = answer["nodes"].values()
    assert answer["acknowledged"] and node["state"] == "unloaded"
    assert (
        "gone" not in opensearch.get(ENDPOINT)["blacklists"] and serving(opensearch, "gone") == {}
    )
    assert copies(opensearch, "gone") == [] and stored(opensearch, "gone") == {"blacklist": 1}
    (old,) = history(opensearch, "gone")
    assert old["deleted_by"] == "anonymous" and not old["kept"]
    # The name can be used again, for any generation.
    assert push(opensearch, built(tmp_path, values(2), "gone", 1), "gone", **BINARY)["acknowledged"]


# Tests that need a node of their own.


@pytest.mark.parametrize("version", VERSIONS)
def test_a_restart_catches_up(version, tmp_path):
    with engines.node(version, plugins=[engines.plugin(version)]) as node:
        pushing.set_pipeline(node, "flag", stamp="all")
        push(node, built(tmp_path, values(1000), generation=3), **BINARY)
        node.restart()
        # The node serves from its own copy before it answers its first request.
        node.bulk("restarted", [event(EVIL)], "flag")
        assert is_flagged(node.documents("restarted")[0])
        node.kill()
        (copy,) = node.data.rglob("*.blacklist")
        copy.unlink()
        node.start()
        pushing.wait_for_generation(node, [node.name], 3)
        assert [path.name for path in node.data.rglob("*.blacklist")] == [copy.name]


@pytest.mark.parametrize("version", VERSIONS)
def test_signatures(version, tmp_path):
    keys = {}
    for name in ("ours", "theirs"):
        private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        keys[name] = (private, public)
    options = dict(config=[keys["ours"][1]], settings={"threatsieve.trusted_key": "ours.pub"})
    with engines.node(version, plugins=[engines.plugin(version)], **options) as node:
        signed = built(tmp_path, values(10), "default", 1, "--sign-key", keys["ours"][0])
        assert push(node, signed, **BINARY)["acknowledged"]
        assert history(node, "default")[0]["signed"] is True
        unsigned = built(tmp_path, values(10), "default", 2)
        refused(lambda: push(node, unsigned, **BINARY), "signature", 400)
        foreign = built(tmp_path, values(10), "default", 3, "--sign-key", keys["theirs"][0])
        refused(lambda: push(node, foreign, **BINARY), "signature", 400)
        assert serving(node, "default")["generation"] == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_node_that_cannot_load_serves_the_old_one(version, tmp_path):
    settings = {"threatsieve.memory_limit": "32mb"}
    with engines.node(version, plugins=[engines.plugin(version)], settings=settings) as node:
        pushing.set_pipeline(node, "flag", stamp="all")
        push(node, built(tmp_path, values(1000), generation=1), **BINARY)

        # A blacklist above the node's limit is refused before anything is stored.
        huge = built(tmp_path, values(3_000_000), generation=2)
        assert "threatsieve.memory_limit" in refused(
            lambda: push(node, huge, **BINARY), "budget", 400
        )
        assert stored(node, "default") == {"blacklist": 1, "part": 1}

        # Makes the folder unwritable, as if the disk were full. Files that wait for verification
        # are in another folder.
        (folder,) = (path for path in node.data.rglob("threatsieve") if path.is_dir())
        folder.chmod(0o555)
        since = len(node.log())
        answer = push(node, built(tmp_path, values(1001), generation=3), **BINARY)
        (state,) = answer["nodes"].values()
        assert not answer["acknowledged"] and (
            state["state"],
            state["kind"],
            state["generation"],
        ) == ("failed", "io", 1), answer
        assert str(folder) in state["reason"]
        node.bulk("events", [event(EVIL)], "flag")
        (document,) = node.documents("events")
        assert is_flagged(document) and pushing.generation(document) == 1
        time.sleep(4)
        assert node.log()[since:].count("cannot be served") == 1

        # With space again, the node catches up by itself.
        folder.chmod(0o755)
        pushing.wait_for_generation(node, [node.name], 3, 90)
        assert serving(node, "default")["state"] == "serving"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_index_that_was_removed_is_mended_by_a_push(version, tmp_path):
    with engines.node(version, plugins=[engines.plugin(version)]) as node:
        file = built(tmp_path, values(10), generation=1)
        push(node, file, **BINARY)
        node.delete("/.threatsieve-blacklists")
        node.stop()
        for copy in node.data.rglob("*.blacklist"):
            copy.unlink()
        node.start()
        assert serving(node, "default")["kind"] == "missing"
        assert push(node, file, **BINARY)["acknowledged"]
        assert stored(node, "default") == {"blacklist": 1, "part": 1}


def test_many_pushes_under_traffic(tmp_path):
    """Runs on 2.19. test_soak.py does the same on 3.8."""
    version = "2.19.4"
    with engines.node(version, plugins=[engines.plugin(version)]) as node:
        pushing.set_pipeline(node, "flag", stamp="all")
        push(node, built(tmp_path, values(10_000), generation=1), **BINARY)
        with Traffic([node], "events", "flag", EVIL, pause=0.02) as traffic:
            for generation in range(2, 32):
                assert push(node, built(tmp_path, values(10_000), generation=generation), **BINARY)[
                    "acknowledged"
                ]
        counts = traffic.account()
        assert not counts["unchecked"] and traffic.repeats == 0
        assert stored(node, "default") == {"blacklist": 1, "part": 2}
        assert len([path for path in node.data.rglob("*.blacklist")]) == 1


def test_a_node_without_the_plugin(tmp_path):
    """Adds a node without the plugin, as in a rolling upgrade. It is reported, and the others still
    serve.
    """
    plugin = engines.plugin("3.8.0")
    with engines.cluster("3.8.0", nodes=1, plugins=[plugin]) as cluster:
        bare = cluster.add(roles=["ingest"], plugins=[])
        answer = push(cluster[0], built(tmp_path, values(10)), **BINARY)
        by_name = {each["name"]: each for each in answer["nodes"].values()}
        assert not answer["acknowledged"]
        assert (
            by_name[cluster[0].name]["state"] == "serving"
            and by_name[bare.name]["state"] == "no plugin"
        )
        nodes = {each["name"]: each for each in cluster[0].get(ENDPOINT)["nodes"].values()}
        assert nodes[bare.name]["version"] is None and nodes[bare.name]["state"] == "no plugin"


def test_a_node_without_events_loads_nothing(tmp_path):
    """Checks a node that neither ingests events nor holds them."""
    with engines.cluster("3.8.0", nodes=1, plugins=[engines.plugin("3.8.0")]) as cluster:
        other = cluster.add(roles=["remote_cluster_client"])
        answer = push(other, built(tmp_path, values(10)), **BINARY)
        assert answer["acknowledged"] and [each["name"] for each in answer["nodes"].values()] == [
            cluster[0].name
        ]
        assert states(other)[other.name] == {} and not list(other.data.rglob("*.blacklist"))
